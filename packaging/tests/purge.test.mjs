// Purging the Debian package takes the configuration and keeps the record.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const postrm = join(import.meta.dirname, '../debian/postrm')

for (const folder of ['var/lib/anthropic-proxy', 'var/lib/private/anthropic-proxy']) {
  test(`purge keeps the record in ${folder} and says where it is`, () => {
    const root = mkdtempSync(join(tmpdir(), 'purge-'))
    try {
      for (const each of [folder, 'etc/anthropic-proxy']) mkdirSync(join(root, each), { recursive: true })
      writeFileSync(join(root, folder, 'record.db'), 'kept')
      const said = execFileSync('sh', [postrm, 'purge'], { env: { ...process.env, DPKG_ROOT: root }, encoding: 'utf8' })
      assert.ok(existsSync(join(root, folder, 'record.db')))
      assert.ok(!existsSync(join(root, 'etc/anthropic-proxy')))
      assert.ok(said.includes(join(root, folder)))
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
}
