/** The long stories as text for the terminal and as pages of the documentation. */
import { FAMILIES } from './families.ts';
import { REMARKS } from './remarks.ts';
import type { Family, Remark, Story } from './story.ts';
import { VERIFIER_STORIES } from './verifier-stories.ts';
import { WARNING_STORIES } from './warning-stories.ts';

const STORIES: readonly Story[] = [...VERIFIER_STORIES, ...WARNING_STORIES];

export type Found =
  | { readonly kind: 'story'; readonly story: Story; readonly family: Family }
  | { readonly kind: 'remark'; readonly remark: Remark; readonly family: Family }
  | { readonly kind: 'family'; readonly code: string; readonly family: Family };

/** What there is to say of a code; undefined when there is none such. */
export function find(code: string): Found | undefined {
  const family = FAMILIES.find((one) => code.startsWith(one.prefix));
  if (family === undefined || !/^[EW]\d{4}$/.test(code)) return undefined;
  const story = STORIES.find((one) => one.code === code);
  if (story !== undefined) return { kind: 'story', story, family };
  const remark = REMARKS.find((one) => one.code === code);
  return remark === undefined ? { kind: 'family', code, family } : { kind: 'remark', remark, family };
}

export const knownCodes: readonly string[] = [...STORIES, ...REMARKS].map((one) => one.code).sort();

/** For the terminal. */
export function text(found: Found): string {
  if (found.kind === 'family')
    return `${found.code}: ${found.family.title}\n\n${found.family.means}\nIts message says what it is, and its help what to do.`;
  if (found.kind === 'remark') {
    const { code, title, help } = found.remark;
    return [`${code}: ${title}`, '', found.family.means, ...(help ? [`What to do: ${help}.`] : [])].join('\n');
  }
  const { story } = found;
  const example = (name: string, code: string | undefined) =>
    code === undefined
      ? []
      : ['', `${name}:`, ...code.split('\n').map((line) => `    ${line}`.replaceAll('\t', '    '))];
  return [
    `${story.code}: ${story.title}`,
    '',
    story.means,
    '',
    `Why: ${story.why}`,
    ...example(refused(story), story.wrong),
    ...example(accepted(story), story.right),
    ...example('What kernels print', story.kernel),
    ...(story.since === undefined ? [] : ['', story.since]),
  ].join('\n');
}

const refused = ({ code }: Story): string => (code.startsWith('W') ? 'Warned about' : 'Refused');
const accepted = ({ code }: Story): string => (code.startsWith('W') ? 'Better' : 'Accepted');

/** `docs/errors`: file name -> Markdown. */
export function pages(): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const story of STORIES) out.set(`${story.code}.md`, storyPage(story));
  out.set('README.md', index());
  return out;
}

function storyPage(story: Story): string {
  const block = (title: string, code: string | undefined, language: string) =>
    code === undefined ? [] : [`## ${title}`, '', `\`\`\`${language}`, code, '```', ''];
  return [
    `# ${story.code}: ${story.title}`,
    '',
    story.means,
    '',
    '## Why',
    '',
    story.why,
    '',
    ...block(refused(story), story.wrong, 'c'),
    ...block(accepted(story), story.right, 'c'),
    ...block('What kernels print', story.kernel, 'text'),
    ...(story.since === undefined ? [] : ['## Kernels', '', story.since, '']),
    'Made by `skep explain` from packages/cli/src/explain. [All codes](README.md)',
    '',
  ].join('\n');
}

function index(): string {
  const out = [
    '# Diagnostics of skep',
    '',
    '`skep explain E2103` tells the long story of a code. Where a message has parts that differ, `…` stands for them.',
    '',
  ];
  for (const family of FAMILIES) {
    const stories = STORIES.filter((one) => one.code.startsWith(family.prefix));
    const remarks = REMARKS.filter((one) => find(one.code)?.family === family);
    if (stories.length + remarks.length === 0) continue;
    out.push(
      `## ${family.prefix.padEnd(5, 'x')}: ${family.title}`,
      '',
      family.means,
      '',
      '| code | what it is | what to do |',
      '|---|---|---|',
    );
    for (const one of stories) out.push(`| [${one.code}](${one.code}.md) | ${cell(one.title)} | ${cell(one.why)} |`);
    for (const one of remarks) out.push(`| ${one.code} | ${cell(one.title)} | ${cell(one.help ?? '')} |`);
    out.push('');
  }
  return out.join('\n');
}

const cell = (value: string): string => value.replaceAll('|', '\\|').replaceAll('\n', ' ');
