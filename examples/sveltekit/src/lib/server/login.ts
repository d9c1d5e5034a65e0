import { isHttpError, type Cookies, type RequestEvent } from '@sveltejs/kit';
import { problemText, read, stitch, unreachable } from '$lib/api/client';
import type { components } from '$lib/api/schema';

type Pair = components['schemas']['TokenPair'];

const ACCESS = 'stitch_access';
const REFRESH = 'stitch_refresh';
const REFRESH_SECONDS = 7 * 24 * 3600;
const SETTLED_MS = 10_000;

/** A refresh token works once; used twice it ends the session. So one request exchanges it for all that bring it. */
const exchanges = new Map<string, Promise<Pair | undefined>>();

/** Logs the visitor in, or says why not; a `challenge` says that the account asks for a code as well. */
export async function logIn(event: RequestEvent, email: string, password: string) {
	const answer = await stitch(event)
		.POST('/api/v1/auth/login', { body: { email, password }, headers: onBehalfOf(event) })
		.catch(unreachable);
	return opened(event, answer);
}

/** The second step: a code of the app, or a recovery code. With a wrong one the same challenge may be tried again. */
export async function logInWithCode(event: RequestEvent, challenge: string, code: string) {
	const answer = await stitch(event)
		.POST('/api/v1/auth/login/second-factor', { body: { challenge, code }, headers: onBehalfOf(event) })
		.catch(unreachable);
	const refused = opened(event, answer);
	const mayTryAgain = refused && Object(answer.error).code === 'second_factor_invalid';
	return mayTryAgain ? { ...refused, challenge } : refused;
}

function opened(event: RequestEvent, answer: { data?: unknown; error?: unknown; response: Response }) {
	if (!answer.data) {
		const challenge: string | undefined = Object(answer.error).challenge;
		return { status: answer.response.status, message: problemText(answer.error), challenge };
	}
	keep(event.cookies, answer.data as Pair);
	return null;
}

/** The visitor's access token, exchanged when its time is over; undefined for one who is not logged in. */
export async function accessToken(event: RequestEvent): Promise<string | undefined> {
	const access = event.cookies.get(ACCESS);
	const refresh = event.cookies.get(REFRESH);
	if (access || !refresh) return access;
	const pair = await exchanged(event, refresh);
	if (pair) keep(event.cookies, pair);
	return pair?.access_token;
}

export async function logOut(event: RequestEvent): Promise<void> {
	const refresh_token = event.cookies.get(REFRESH);
	forget(event.cookies);
	if (!refresh_token) return;
	await stitch(event)
		.POST('/api/v1/auth/logout', { body: { refresh_token }, headers: onBehalfOf(event) })
		.catch(unreachable);
}

export function forget(cookies: Cookies): void {
	for (const name of [ACCESS, REFRESH]) cookies.delete(name, { path: '/' });
}

/**
 * The API counts attempts per address, and to it every visitor comes from this server. So this server says whom it
 * speaks for, like any proxy; the API believes it if its TRUSTED_PROXY_COUNT counts this server (see README.md).
 */
function onBehalfOf(event: RequestEvent) {
	return { 'x-forwarded-for': event.getClientAddress() };
}

/** Requests that left the browser before the new cookies arrived still bring the old token: they get the same pair. */
function exchanged(event: RequestEvent, refresh: string): Promise<Pair | undefined> {
	const known = exchanges.get(refresh);
	if (known) return known;
	const running = exchange(event, refresh);
	exchanges.set(refresh, running);
	setTimeout(() => exchanges.delete(refresh), SETTLED_MS).unref();
	return running;
}

async function exchange(event: RequestEvent, refresh_token: string): Promise<Pair | undefined> {
	const api = stitch(event);
	try {
		const answer = api.POST('/api/v1/auth/refresh', { body: { refresh_token }, headers: onBehalfOf(event) });
		return (await read(answer)) as Pair;
	} catch (problem) {
		if (isHttpError(problem, 401)) return undefined;
		throw problem;
	}
}

/** Out of reach of scripts; `Secure` by SvelteKit's default, but for http://localhost. */
function keep(cookies: Cookies, pair: Pair): void {
	const options = { path: '/', httpOnly: true, sameSite: 'lax' } as const;
	cookies.set(ACCESS, pair.access_token, { ...options, maxAge: pair.expires_in });
	cookies.set(REFRESH, pair.refresh_token, { ...options, maxAge: REFRESH_SECONDS });
}
