import adapter from '@sveltejs/adapter-node';

// The players that content may embed: the list in docs/html.md.
const PLAYERS = ['youtube.com', 'youtube-nocookie.com', 'dailymotion.com'].flatMap((host) => [
	`https://${host}`,
	`https://www.${host}`
]);

/** @type {import('@sveltejs/kit').Config} */
export default {
	kit: {
		adapter: adapter(),
		// The API has cleaned all HTML; this holds even if a page is ever made of something else. Hashes and not
		// nonces: the same content gives the same bytes, so that ETags and shared caches work.
		csp: {
			mode: 'hash',
			directives: {
				'default-src': ['self'],
				'style-src': ['self'],
				'style-src-attr': ['unsafe-inline'], // SvelteKit's own announcer of navigations has one
				'img-src': ['self', 'data:', 'https:', 'http:'],
				'frame-src': [...PLAYERS, 'https://player.vimeo.com'],
				'object-src': ['none'],
				'base-uri': ['self'],
				'form-action': ['self'],
				'frame-ancestors': ['self']
			}
		}
	}
};
