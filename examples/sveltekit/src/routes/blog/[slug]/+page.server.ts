import { redirect } from '@sveltejs/kit';
import { read, stitch } from '$lib/api/client';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const key = event.params.slug;
	const post = await read(stitch(event).GET('/api/v1/posts/{key}', { params: { path: { key } } }));
	// For a slug that has moved the API answers 301, which fetch has followed: the post says where it lives now.
	if (post.slug !== key) redirect(301, `/blog/${post.slug}${event.url.search}`);
	return { post };
};
