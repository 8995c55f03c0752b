// Recorded markdown as safe nodes. The libraries load only when the first text is shown. Nothing in the text can run,
// and nothing is fetched: HTML in it stays text, pictures become their description, only http(s) and mail links live.
import type Markdown from 'markdown-it';

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

async function load(): Promise<Render> {
  const [{ default: MarkdownIt }, { default: DOMPurify }, { highlight }] = await Promise.all([
    import('markdown-it'),
    import('dompurify'),
    import('./highlight'),
  ]);
  const markdown = new MarkdownIt({ html: false, linkify: false, highlight });
  withoutPictures(markdown);
  // A fragment goes into the page without any HTML text in between, so Trusted Types have nothing to refuse.
  return (text) =>
    DOMPurify.sanitize(markdown.render(text), {
      RETURN_DOM_FRAGMENT: true,
      ALLOWED_TAGS: TAGS,
      ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'target', 'rel'],
      ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    });
}

/** Pictures as text, links in a tab of their own. */
function withoutPictures(markdown: InstanceType<typeof Markdown>): void {
  const { escapeHtml } = markdown.utils;
  markdown.renderer.rules['image'] = (tokens, i) => {
    const token = tokens[i]!;
    const words = token.content || String(token.attrGet('src') ?? '');
    return `<span class="picture">${escapeHtml(words)}</span>`;
  };
  const plain = markdown.renderer.rules['link_open'];
  markdown.renderer.rules['link_open'] = (tokens, i, options, env, self) => {
    tokens[i]!.attrSet('target', '_blank');
    tokens[i]!.attrSet('rel', 'noopener noreferrer');
    return plain ? plain(tokens, i, options, env, self) : self.renderToken(tokens, i, options);
  };
}
