declare global {
	namespace App {
		interface Locals {
			/** How long the answers that this page is made of may be kept: what `hooks.server.ts` says of the page. */
			cacheControl?: string;
		}
	}
}

export {};
