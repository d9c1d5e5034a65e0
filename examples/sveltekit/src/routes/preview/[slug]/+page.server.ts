import { isHttpError, redirect } from '@sveltejs/kit';
import { read, stitch } from '$lib/api/client';
import { accessToken, forget } from '$lib/server/login';
import type { PageServerLoad } from './$types';

/** A post as its writer last left it, for those who may see drafts. */
export const load: PageServerLoad = async (event) => {
	event.setHeaders({ 'cache-control': 'private, no-store' });
	const key = event.params.slug;
	const login = `/login?${new URLSearchParams({ post: key })}`;
	const token = await accessToken(event);
	if (!token) redirect(303, login);
	try {
		const post = await read(stitch(event, token).GET('/api/v1/posts/{key}', { params: { path: { key } } }));
		return { post };
	} catch (problem) {
		if (!isHttpError(problem, 401)) throw problem;
		forget(event.cookies);
		redirect(303, login);
	}
};
