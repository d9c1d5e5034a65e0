import { error, type RequestEvent } from '@sveltejs/kit';
import createClient, { type Middleware } from 'openapi-fetch';
import { env } from '$env/dynamic/private';
import { strictest } from '$lib/server/caching';
import type { components, paths } from './schema';

const PATIENCE_MS = 5_000;

type Schemas = components['schemas'];

/** As visitors see it or, with a token that may see drafts, as its writer left it. */
export type Post = Schemas['Post'] | Schemas['WorkingPost'];
export type PostSummary = Schemas['PostSummary'] | Schemas['WorkingPostSummary'];

/** With `?fields=` any field may be missing; this site never asks so, and then none is. */
type Whole<T> = T extends { items: (infer Item)[] } ? ({} extends Item ? never : T) : {} extends T ? never : T;

/**
 * The API for one request of a visitor: typed by the OpenAPI document, through load's own fetch, without the visitor's
 * cookies. Make a new one for every request.
 */
export function stitch(event: Pick<RequestEvent, 'fetch' | 'locals' | 'url'>, token?: string) {
	const client = createClient<paths>({
		baseUrl: env.STITCH_URL || 'http://localhost:8000',
		fetch: event.fetch,
		credentials: 'omit',
		signal: AbortSignal.timeout(PATIENCE_MS),
		headers: {
			// Where the API insists on HTTPS but is called by plain HTTP inside a network: how the visitor came.
			'x-forwarded-proto': event.url.protocol.replace(':', ''),
			...(token && { authorization: `Bearer ${token}` })
		}
	});
	client.use(noting(event.locals));
	return client;
}

/** The API's answer to a read; a problem becomes the error page with its status and words. */
export async function read<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Whole<T>> {
	const answer = await call.catch(unreachable);
	if (answer.data === undefined) error(answer.response.status, problemText(answer.error));
	return answer.data as Whole<T>;
}

/** For calls that get no answer, or not one of this API. */
export function unreachable(cause: unknown): never {
	console.error('Stitch does not answer:', cause);
	error(503, 'The content cannot be reached just now. Please try again in a moment.');
}

/** The words of a problem+json body (RFC 9457), with those about single fields. */
export function problemText(problem: unknown): string {
	const { detail, errors = [] } = Object(problem) as Partial<Schemas['Problem']>;
	if (!detail) return 'The content cannot be shown.';
	return [detail, ...errors.map((each) => `${each.field}: ${each.detail}`)].join(' · ');
}

function noting(locals: App.Locals): Middleware {
	return {
		onResponse({ response }) {
			const header = response.headers.get('cache-control') ?? 'no-store';
			locals.cacheControl = locals.cacheControl ? strictest(locals.cacheControl, header) : header;
		},
		onError() {
			locals.cacheControl = 'no-store';
		}
	};
}
