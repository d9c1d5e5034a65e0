import { fail, redirect } from '@sveltejs/kit';
import { logIn, logInWithCode, logOut } from '$lib/server/login';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = ({ setHeaders }) => {
	setHeaders({ 'cache-control': 'private, no-store' });
};

export const actions: Actions = {
	in: async (event) => {
		const form = await event.request.formData();
		const email = `${form.get('email') ?? ''}`;
		const challenge = form.get('challenge');
		const refused = challenge
			? await logInWithCode(event, `${challenge}`, `${form.get('code') ?? ''}`)
			: await logIn(event, email, `${form.get('password') ?? ''}`);
		if (refused) return fail(refused.status, { email, message: refused.message, challenge: refused.challenge });
		const post = event.url.searchParams.get('post');
		redirect(303, post ? `/preview/${encodeURIComponent(post)}` : '/blog');
	},
	out: async (event) => {
		await logOut(event);
		redirect(303, '/blog');
	}
};
