import { read, stitch } from '$lib/api/client';
import type { PageServerLoad } from './$types';

const LATEST = 6;

export const load: PageServerLoad = async (event) => {
	const api = stitch(event);
	const [page, latest] = await Promise.all([
		read(api.GET('/api/v1/pages/{key}', { params: { path: { key: 'home' } } })),
		read(api.GET('/api/v1/posts', { params: { query: { per_page: LATEST } } }))
	]);
	return { page, posts: latest.items };
};
