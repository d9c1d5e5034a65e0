import { isHttpError } from '@sveltejs/kit';
import { read, stitch } from '$lib/api/client';
import type { LayoutServerLoad } from './$types';

/** The pages that stand in the menu, in this order; one that is not published is left out. */
const MENU = ['visit', 'about', 'contact'];

export const load: LayoutServerLoad = async (event) => {
	const api = stitch(event);
	try {
		const [settings, pages] = await Promise.all([read(api.GET('/api/v1/settings')), read(api.GET('/api/v1/pages'))]);
		return { settings, menu: MENU.flatMap((slug) => pages.items.find((page) => page.slug === slug) ?? []) };
	} catch (problem) {
		// Without a frame there would be no page to show an error in; the page's own load() says what is wrong.
		if (!isHttpError(problem)) throw problem;
		return { settings: null, menu: [] };
	}
};
