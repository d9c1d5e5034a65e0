import type { Handle } from '@sveltejs/kit';

/**
 * A page may be kept by shared caches as long as the shortest-lived answer it is made of, and an error never:
 * what is missing now may be published in the next second. What a load() has decided by setHeaders() stays.
 */
export const handle: Handle = async ({ event, resolve }) => {
	const response = await resolve(event);
	if (response.headers.has('cache-control')) return response;
	const kept = response.status < 400 ? event.locals.cacheControl : 'no-store';
	if (kept) response.headers.set('cache-control', kept);
	return response;
};
