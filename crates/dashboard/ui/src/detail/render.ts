// Recorded markdown as safe nodes. The libraries load only when the first text is shown. Nothing in the text can run,
// and nothing is fetched: HTML in it stays text, pictures become their description, only http(s) and mail links live.
import type { Tokens } from 'marked';

/** Longer texts are shown as they are: rendering would freeze the page. */
export const MARKDOWN_LIMIT = 200_000;

export type Render = (text: string) => DocumentFragment;
let loading: Promise<Render> | undefined;

/** The renderer, loaded once. */
export function markdownRenderer(): Promise<Render> {
  loading ??= load().catch((problem: unknown) => {
    loading = undefined;
    throw problem;
  });
  return loading;
}

const TAGS = (
  'a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s span strong ' +
  'table tbody td th thead tr ul'
).split(' ');

const SAFE = /^(?:https?|mailto):/i;

async function load(): Promise<Render> {
  const [{ Marked }, { default: DOMPurify }, { highlight }] = await Promise.all([
    import('marked'),
    import('dompurify'),
    import('./highlight'),
  ]);
  const markdown = new Marked({ async: false, breaks: false });
  markdown.use({
    renderer: {
      html: ({ text, block }: Tokens.HTML | Tokens.Tag) =>
        block ? `<p>${escapeHtml(text)}</p>` : escapeHtml(text),
      image: ({ text, href }: Tokens.Image) => `<span class="picture">${escapeHtml(text || href)}</span>`,
      checkbox: ({ checked }: Tokens.Checkbox) => (checked ? '☑ ' : '☐ '),
      code: ({ text, lang }: Tokens.Code) =>
        `<pre><code>${highlight(text, (lang ?? '').split(/\s/)[0] ?? '') || escapeHtml(text)}</code></pre>`,
      link(link: Tokens.Link) {
        const words = this.parser.parseInline(link.tokens);
        if (!SAFE.test(link.href)) return words;
        return `<a href="${escapeHtml(link.href)}" target="_blank" rel="noopener noreferrer">${words}</a>`;
      },
    },
  });
  // A fragment goes into the page without any HTML text in between, so Trusted Types have nothing to refuse.
  return (text) =>
    DOMPurify.sanitize(markdown.parse(text) as string, {
      RETURN_DOM_FRAGMENT: true,
      ALLOWED_TAGS: TAGS,
      ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'target', 'rel'],
      ALLOWED_URI_REGEXP: SAFE,
    });
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign]!);
}
