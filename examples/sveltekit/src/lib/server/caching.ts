/** Of two Cache-Control headers the one that both answers can live with. */
export function strictest(one: string, other: string): string {
	const fresh = Math.min(seconds('s-maxage', one), seconds('s-maxage', other));
	const stale = Math.min(seconds('stale-while-revalidate', one), seconds('stale-while-revalidate', other));
	return fresh > 0 ? `public, max-age=0, s-maxage=${fresh}, stale-while-revalidate=${stale}` : 'no-store';
}

function seconds(name: string, header: string): number {
	return Number(header.match(new RegExp(`\\b${name}=(\\d+)`))?.[1] ?? 0);
}
