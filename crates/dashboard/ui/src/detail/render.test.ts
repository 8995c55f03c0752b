import { describe, expect, it } from 'vitest';
import { markdownRenderer } from './render';

async function html(text: string): Promise<string> {
  const box = document.createElement('div');
  box.append((await markdownRenderer())(text));
  return box.innerHTML;
}

describe('recorded markdown', () => {
  it.each([
    ['<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)&gt;'],
    ['a <b onclick="x()">bold</b>', '&lt;b onclick="x()"&gt;'],
    ['<script>alert(1)</script>', '&lt;script&gt;'],
    ['![cat](https://elsewhere.example/cat.png)', '<span class="picture">cat</span>'],
    ['**strong** and `code`', '<strong>strong</strong> and <code>code</code>'],
    ['- [x] done\n- [ ] open', '☑'],
    ['[site](https://a.example/?q="x")', 'rel="noopener noreferrer"'],
    ['| a | b |\n|---|---|\n| 1 | 2 |', '<td>1</td>'],
  ])('%s', async (text, expected) => {
    expect(await html(text)).toContain(expected);
  });

  it.each(['[x](javascript:alert(1))', '[x](data:text/html,hi)', '<a href="javascript:alert(1)">x</a>'])(
    'leaves no link in %s',
    async (text) => {
      const box = document.createElement('div');
      box.innerHTML = await html(text);
      expect([...box.querySelectorAll('a')].filter((link) => link.getAttribute('href'))).toEqual([]);
    },
  );

  it('colours code that it knows and leaves other code as it is', async () => {
    expect(await html('```rust\nfn main() {}\n```')).toContain('hljs-keyword');
    expect(await html('```nolang\n<i>\n```')).toContain('&lt;i&gt;');
  });
});
