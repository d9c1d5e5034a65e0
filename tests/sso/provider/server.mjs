// A real OpenID Connect provider for tests: any password is right, and who somebody is stands in ACCOUNTS.
// PORT, ISSUER, CLIENT (its metadata) and ACCOUNTS (claims by login name) come from the environment.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';

const accounts = JSON.parse(process.env.ACCOUNTS);

const key = (type, options, more) => ({
	...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
	use: 'sig',
	kid: more.alg,
	...more
});

const provider = new Provider(process.env.ISSUER, {
	clients: [JSON.parse(process.env.CLIENT)],
	jwks: {
		keys: [
			key('rsa', { modulusLength: 2048 }, { alg: 'RS256' }),
			key('ec', { namedCurve: 'P-256' }, { alg: 'ES256' }),
			key('ed25519', {}, { alg: 'EdDSA' })
		]
	},
	cookies: { keys: [randomBytes(32).toString('hex')] },
	claims: { email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
	conformIdTokenClaims: process.env.CLAIMS_IN_ID_TOKEN !== '1',
	enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
	pkce: { required: () => true },
	features: { devInteractions: { enabled: true } },
	async findAccount(ctx, login) {
		return accounts[login] && { accountId: login, claims: async () => ({ sub: login, ...accounts[login] }) };
	},
	async renderError(ctx, out) {
		ctx.type = 'json';
		ctx.body = out;
	}
});

provider.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
