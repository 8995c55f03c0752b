// Colours for code in the languages that Claude Code writes most. Loaded on demand only.
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const languages = {
  bash,
  diff,
  go,
  javascript,
  json,
  python,
  rust,
  sql,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);
// Near enough, and smaller.
hljs.registerAliases(['ts', 'tsx', 'typescript'], { languageName: 'javascript' });

/** Longer code stays plain. */
const LIMIT = 50_000;

/** `code` as HTML with classes, or '' (the caller then escapes it). */
export function highlight(code: string, language: string): string {
  if (code.length > LIMIT || !hljs.getLanguage(language)) return '';
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
