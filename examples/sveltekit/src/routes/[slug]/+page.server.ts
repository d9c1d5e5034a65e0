import { redirect } from '@sveltejs/kit';
import { read, stitch } from '$lib/api/client';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const key = event.params.slug;
	const page = await read(stitch(event).GET('/api/v1/pages/{key}', { params: { path: { key } } }));
	if (page.slug === 'home') redirect(301, '/');
	if (page.slug !== key) redirect(301, `/${page.slug}${event.url.search}`);
	return { page };
};
