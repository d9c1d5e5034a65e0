import { error } from '@sveltejs/kit';
import { read, stitch } from '$lib/api/client';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const tag = event.url.searchParams.get('tag') || undefined;
	const page = Number(event.url.searchParams.get('page') ?? 1);
	const posts = await read(stitch(event).GET('/api/v1/posts', { params: { query: { page, tag } } }));
	if (posts.items.length === 0 && (tag || page > 1)) error(404, 'There are no posts here (any more).');
	return { posts, tag };
};
