/** A real Stitch on a temporary database and the built site in front of it. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SITE = fileURLToPath(new URL('..', import.meta.url));
const STITCH = fileURLToPath(new URL('../../..', import.meta.url));
const PYTHON = process.env.STITCH_PYTHON || join(STITCH, '.venv/bin/python');
const PATIENCE_MS = 30_000;

export const ADMIN = { email: 'admin@example.com', password: randomBytes(12).toString('hex') };

export async function startStitch(settings = {}) {
	const folder = await mkdtemp(join(tmpdir(), 'stitch-'));
	const env = {
		PATH: process.env.PATH,
		ENV_FILE: '',
		DEBUG: '1',
		SECRET_KEY: randomBytes(40).toString('hex'),
		DATABASE_URL: `sqlite:///${join(folder, 'db.sqlite3')}`,
		ADMIN_EMAIL: ADMIN.email,
		ADMIN_PASSWORD: ADMIN.password,
		RATELIMIT_ENABLE: '0',
		TRUSTED_PROXY_COUNT: '1', // the site, which speaks for its visitors
		...settings
	};
	for (const command of ['migrate', 'seed']) {
		await promisify(execFile)(PYTHON, ['manage.py', command], { cwd: STITCH, env });
	}
	const port = await freePort();
	const uvicorn = ['-m', 'uvicorn', 'cms_project.asgi:application', '--no-proxy-headers', '--port', `${port}`];
	const server = run(PYTHON, uvicorn, { cwd: STITCH, env });
	await answers(`http://localhost:${port}/readyz`, server);
	return {
		url: `http://localhost:${port}`,
		log: server.log,
		async stop() {
			await server.stop();
			await rm(folder, { recursive: true });
		}
	};
}

export async function startSite(stitchUrl, { origin } = {}) {
	const port = await freePort();
	const url = `http://localhost:${port}`;
	const server = run(process.execPath, ['build'], {
		cwd: SITE,
		env: { PORT: `${port}`, ORIGIN: origin ?? url, STITCH_URL: stitchUrl, ADDRESS_HEADER: 'x-forwarded-for' }
	});
	await answers(`${url}/favicon.svg`, server);
	return { url, stop: server.stop };
}

/** The API as an editor's program uses it: `api.patch('/posts/x', { title: 'y' })` gives the answer's body. */
export async function editor(stitchUrl) {
	let token;
	async function call(method, path, body) {
		const response = await fetch(`${stitchUrl}/api/v1${path}`, {
			method,
			headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
			body: body && JSON.stringify(body)
		});
		const text = await response.text();
		if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
		return text && JSON.parse(text);
	}
	token = (await call('POST', '/auth/login', ADMIN)).access_token;
	return {
		get: (path) => call('GET', path),
		post: (path, body) => call('POST', path, body),
		patch: (path, body) => call('PATCH', path, body)
	};
}

export async function freePort() {
	const server = createServer();
	await new Promise((resolve) => server.listen(0, 'localhost', resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	return port;
}

function run(program, args, options) {
	const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
	const ended = new Promise((resolve) => child.once('close', resolve));
	const lines = [];
	for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => lines.push(`${data}`));
	const kill = () => child.kill();
	process.once('exit', kill);
	return {
		log: () => lines.join(''),
		hasEnded: () => child.exitCode !== null,
		async stop() {
			process.off('exit', kill);
			kill();
			await ended;
		}
	};
}

async function answers(url, server) {
	const until = Date.now() + PATIENCE_MS;
	while (Date.now() < until && !server.hasEnded()) {
		const response = await fetch(url).catch(() => null);
		if (response?.ok) return;
		await sleep(100);
	}
	throw new Error(`${url} does not answer:\n${server.log()}`);
}
