import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('the committed types are those of the OpenAPI document', async () => {
	const cwd = fileURLToPath(new URL('..', import.meta.url));

	const checked = promisify(execFile)('npm', ['run', 'types', '--', '--check'], { cwd });

	await assert.doesNotReject(checked, 'npm run types brings them up to date');
});
