import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { ADMIN, editor, freePort, startSite, startStitch } from './servers.mjs';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const VISITOR = '203.0.113.7';

let stitch, site, browser, api;
let context, page, complaints;

before(async () => {
	stitch = await startStitch();
	site = await startSite(stitch.url);
	api = await editor(stitch.url);
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
	});
});

after(async () => {
	await browser?.close();
	await site?.stop();
	await stitch?.stop();
});

beforeEach(async () => {
	await open();
});

afterEach(async () => {
	await context.close();
	assert.deepEqual(complaints, [], 'the browser has nothing to complain about');
});

async function open(options = {}) {
	await context?.close();
	complaints = [];
	context = await browser.newContext({ extraHTTPHeaders: { 'x-forwarded-for': VISITOR }, ...options });
	page = await context.newPage();
	page.on('pageerror', (error) => complaints.push(error.message));
	page.on('console', (message) => {
		const isMissingPage = message.text().startsWith('Failed to load resource');
		if (message.type() === 'error' && !isMissingPage) complaints.push(message.text());
	});
}

async function visit(path, { at = site } = {}) {
	return (await page.goto(at.url + path)).status();
}

/** The titles on a list of posts. */
function titles() {
	return page.locator('.card-title').allTextContents();
}

async function titlesOnAllPages() {
	const { total_pages: pages } = await api.get('/posts');
	const found = [];
	for (let number = 1; number <= pages; number += 1) {
		await visit(`/blog?page=${number}`);
		found.push(...(await titles()));
	}
	assert.equal(await page.locator('a[rel=next]').count(), 0);
	return found;
}

/** All of the page, also the data that SvelteKit sends along for the browser. */
async function source(path) {
	return (await fetch(site.url + path)).text();
}

function head(selector, attribute = 'content') {
	return page.locator(`head ${selector}`).getAttribute(attribute);
}

async function publish(fields) {
	return api.post('/posts', { body: '<p>A paragraph.</p>', published: true, ...fields });
}

test('the home page shows the page "home", the latest posts and the settings', async () => {
	const settings = await api.get('/settings');
	const latest = await api.get('/posts?per_page=6');

	const status = await visit('/');

	assert.equal(status, 200);
	assert.equal(await page.locator('h1').textContent(), settings.tagline);
	assert.equal(await page.locator('main .prose h2').first().textContent(), 'Come and look');
	assert.deepEqual(await titles(), latest.items.map((post) => post.title));
	assert.equal(await page.locator('.brand').innerText(), settings.site_name);
	assert.match(await page.locator('footer').innerText(), /Kept by a charitable trust/);
	for (const [name, url] of Object.entries(settings.social_links)) {
		assert.equal(await page.getByRole('link', { name }).getAttribute('href'), url);
	}
});

test('the blog lists posts as the API does, page by page', async () => {
	const all = await api.get('/posts?per_page=100');

	const shown = await titlesOnAllPages();

	assert.deepEqual(shown, all.items.map((post) => post.title));
	assert.match(await page.locator('.pager').innerText(), /Page 4 of 4/);
});

test('a tag leads to the posts that carry it', async () => {
	const tagged = await api.get(`/posts?tag=${encodeURIComponent('café')}`);
	await visit('/blog');

	await page.getByRole('link', { name: 'café' }).first().click();
	await page.getByRole('heading', { name: 'Posts about café' }).waitFor();

	assert.deepEqual(await titles(), tagged.items.map((post) => post.title));
});

test('a post shows its text and tells search engines about it', async () => {
	const post = await api.get('/posts/the-night-the-boiler-stopped');
	await api.patch(`/posts/${post.id}`, { featured_image_url: '/favicon.svg' });

	const status = await visit(`/blog/${post.slug}`);

	assert.equal(status, 200);
	assert.equal(await page.locator('h1').textContent(), post.title);
	assert.equal(await page.locator('.prose table tbody tr').count(), 5);
	assert.equal(await page.title(), `${post.title} · Lowmere Botanical Garden`);
	assert.equal(await head('meta[name=description]'), post.excerpt);
	assert.equal(await head('meta[property="og:type"]'), 'article');
	assert.equal(await head('meta[property="og:image"]'), `${site.url}/favicon.svg`);
	assert.equal(await head('link[rel=canonical]', 'href'), `${site.url}/blog/${post.slug}`);
});

test('a page shows its text and its own words for search engines', async () => {
	const wanted = {
		meta_title: 'When to come',
		meta_description: 'Times and prices.',
		og_image_url: 'https://example.com/a.jpg'
	};
	await api.patch('/pages/visit', wanted);

	const status = await visit('/visit');

	assert.equal(status, 200);
	assert.equal(await page.title(), wanted.meta_title);
	assert.equal(await head('meta[name=description]'), wanted.meta_description);
	assert.equal(await head('meta[property="og:image"]'), wanted.og_image_url);
	assert.equal(await page.locator('nav [aria-current=page]').getAttribute('href'), '/visit');
});

test('a published post is there at once, an unpublished one is gone', async () => {
	const post = await publish({ title: 'The well is full again', tags: ['water'] });

	assert.equal(await visit('/blog'), 200);
	assert.equal((await titles())[0], post.title);
	assert.equal(await visit('/'), 200);
	assert.equal((await titles())[0], post.title);
	assert.equal(await visit(`/blog/${post.slug}`), 200);

	await api.patch(`/posts/${post.id}`, { published: false });

	assert.equal(await visit(`/blog/${post.slug}`), 404);
	assert.equal(await page.locator('h1').textContent(), 'Page not found');
	assert.equal(await page.locator('.brand').innerText(), 'Lowmere Botanical Garden');
	assert.equal((await titlesOnAllPages()).includes(post.title), false);
});

test('a renamed post and a renamed page redirect to their new addresses', async () => {
	const post = await publish({ title: 'Old name', slug: 'old-name' });
	const about = await api.post('/pages', { title: 'Trees', slug: 'trees', body: '<p>Oaks.</p>', published: true });
	await api.patch(`/posts/${post.id}`, { slug: 'new-name' });
	await api.patch(`/pages/${about.id}`, { slug: 'our-trees' });

	const moved = await fetch(`${site.url}/blog/old-name?from=mail`, { redirect: 'manual' });
	const status = await visit('/trees');

	assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/blog/new-name?from=mail']);
	assert.equal(moved.headers.get('cache-control').startsWith('public, max-age=0'), true);
	assert.deepEqual([status, page.url()], [200, `${site.url}/our-trees`]);
});

test('drafts and unpublished changes never appear', async () => {
	const draft = await publish({ title: 'Not yet for anybody', published: false, tags: ['secret-tag'] });
	const changed = await publish({ title: 'What everybody knows', slug: 'known' });
	await api.patch(`/posts/${changed.id}?draft=true`, { title: 'What nobody knows yet' });
	const drafts = await api.get('/posts?status=draft&per_page=100');
	const hidden = ['What nobody knows yet', ...drafts.items.map((post) => post.title)];

	const shown = await titlesOnAllPages();

	assert.equal(drafts.items.some((post) => post.id === draft.id) && drafts.items.length > 1, true);
	assert.deepEqual(shown.filter((title) => hidden.includes(title)), []);
	for (const { slug, id } of drafts.items) {
		assert.deepEqual([await visit(`/blog/${slug}`), await visit(`/blog/${id}`)], [404, 404]);
	}
	assert.equal(await visit('/blog?tag=secret-tag'), 404);
	for (const path of ['/', '/blog', '/blog/known']) {
		const sent = await source(path);
		assert.deepEqual(hidden.filter((title) => sent.includes(title)), []);
	}
});

test('everything works without JavaScript', async () => {
	await open({ javaScriptEnabled: false });
	const second = await api.get('/posts?page=2');
	await visit('/');

	await page.getByRole('link', { name: 'Blog', exact: true }).click();
	await page.getByRole('link', { name: 'Older posts' }).click();
	assert.deepEqual(await titles(), second.items.map((post) => post.title));
	await page.locator('.card-title a').first().click();

	assert.equal(await page.locator('h1').textContent(), second.items[0].title);
	assert.equal(await page.locator('.prose p').count() > 1, true);
});

test('with JavaScript a click changes the page without loading it anew', async () => {
	await visit('/');
	await page.waitForLoadState('networkidle');
	await page.evaluate(() => (window.isTheSameDocument = true));

	await page.getByRole('link', { name: 'Visit', exact: true }).first().click();
	await page.waitForURL('**/visit');

	assert.equal(await page.evaluate(() => window.isTheSameDocument), true);
	assert.equal(await page.locator('h1').textContent(), 'Visit');
});

test("the API's caching holds for the page, and an unchanged page is 304", async () => {
	const fromApi = await fetch(`${stitch.url}/api/v1/posts`);

	const first = await fetch(`${site.url}/blog`);
	const again = await fetch(`${site.url}/blog`, { headers: { 'if-none-match': first.headers.get('etag') } });

	assert.equal(first.headers.get('cache-control'), fromApi.headers.get('cache-control'));
	assert.equal(again.status, 304);
});

test('a problem of the API becomes an error page with its status and words, and is not cached', async () => {
	const problem = await (await fetch(`${stitch.url}/api/v1/posts?page=0`)).json();

	const status = await visit('/blog?page=0');

	assert.deepEqual([status, problem.status], [422, 422]);
	assert.equal((await page.locator('main').innerText()).includes(problem.errors[0].detail), true);
	assert.equal((await fetch(`${site.url}/blog?page=0`)).headers.get('cache-control'), 'no-store');
});

test('what is not there is a 404 that is not cached', async () => {
	for (const path of ['/no/such/route', '/no-such-page', '/blog/no-such-post', '/blog?page=1000', '/blog?tag=none']) {
		const response = await page.goto(site.url + path);

		assert.deepEqual([response.status(), response.headers()['cache-control']], [404, 'no-store'], path);
		assert.equal(await page.locator('h1').textContent(), 'Page not found');
	}
});

test('while the API is away the site says so with a 503', async (t) => {
	const lonely = await startSite(`http://localhost:${await freePort()}`);
	t.after(lonely.stop);

	const status = await visit('/', { at: lonely });

	assert.equal(status, 503);
	assert.match(await page.locator('main').innerText(), /try again in a moment/);
	assert.equal((await fetch(lonely.url)).headers.get('cache-control'), 'no-store');
});

test('a site on HTTPS reads an API that insists on it over plain HTTP inside the network', async (t) => {
	const secure = await startStitch({ PUBLIC_BASE_URL: 'https://cms.example.com' });
	t.after(secure.stop);
	const inside = await startSite(secure.url, { origin: 'https://www.example.com' });
	t.after(inside.stop);

	const status = await visit('/visit', { at: inside });

	assert.deepEqual([status, await page.locator('h1').textContent()], [200, 'Visit']);
	assert.equal((await fetch(`${secure.url}/api/v1/settings`, { redirect: 'manual' })).status, 308);
});

test('who may see drafts previews one after logging in, and stays logged in', async () => {
	const draft = await publish({ title: 'Tomorrow’s news', published: false });
	await visit(`/preview/${draft.slug}`);
	assert.equal(new URL(page.url()).pathname, '/login');

	await logIn('wrong password');
	await page.getByRole('alert').waitFor();
	await logIn(ADMIN.password);
	await page.getByRole('heading', { name: draft.title }).waitFor();

	assert.match(await page.locator('.banner').innerText(), /visitors do not see it/);
	assert.match(stitch.log(), new RegExp(`Credentials presented from ${VISITOR.replaceAll('.', '\\.')}`));
	const cookies = await context.cookies();
	assert.deepEqual(cookies.map((cookie) => [cookie.httpOnly, cookie.sameSite]), [[true, 'Lax'], [true, 'Lax']]);

	await context.clearCookies({ name: 'stitch_access' });
	const other = await context.newPage();
	const address = `${site.url}/preview/${draft.slug}`;
	const both = await Promise.all([page.goto(address), other.goto(address)]);
	assert.deepEqual(both.map((response) => response.url()), [address, address]);
	assert.equal(both[0].headers()['cache-control'], 'private, no-store');

	await page.getByRole('button', { name: 'Log out' }).click();
	await page.waitForURL('**/blog');
	assert.deepEqual(await context.cookies(), []);
	assert.equal(await visit(`/blog/${draft.slug}`), 404);
});

// Last: from here on the account asks for a code.
test('an account with a second factor is asked for its code', async () => {
	const { challenge, secret } = await api.post('/auth/second-factors/totp', { current_password: ADMIN.password });
	const confirmed = await api.post('/auth/second-factors/totp/confirm', { challenge, code: codeOf(secret) });
	await visit('/login');

	await logIn(ADMIN.password);
	await logInWithCode('0000000000');
	await page.getByText('This code is wrong').waitFor();
	await logInWithCode(confirmed.recovery_codes[0]);

	await page.waitForURL('**/blog');
});

async function logInWithCode(code) {
	await page.getByLabel('Code of your app').fill(code);
	await page.getByRole('button', { name: 'Log in' }).click();
}

/** What an authenticator app shows now for a secret in base32 (RFC 6238). */
function codeOf(secret) {
	const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
	const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
	const digest = createHmac('sha1', key).update(counter).digest();
	const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
	return `${number % 1_000_000}`.padStart(6, '0');
}

async function logIn(password) {
	await page.getByLabel('E-mail').fill(ADMIN.email);
	await page.getByLabel('Password').fill(password);
	await page.getByRole('button', { name: 'Log in' }).click();
}
