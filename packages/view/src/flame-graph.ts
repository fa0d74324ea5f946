import type { StackCount } from './stacks.ts';

/** What stands around the graph. */
export interface FlameGraphOptions {
  readonly title: string;
  /** What the widths mean: `samples`, `µs`. */
  readonly unit: string;
  /** Pixels. */
  readonly width?: number;
}

/**
 * Stacks as an SVG image: the outermost function at the bottom, each frame as wide as its share of the whole. A browser
 * shows name, value and share of the frame under the pointer; a click makes a frame as wide as the image, one on the
 * background takes that back.
 */
export function flameGraph(stacks: readonly StackCount[], options: FlameGraphOptions): string {
  const width = options.width ?? 1200;
  const root = merge(stacks);
  const perPixel = root.value / (width - 2 * MARGIN) || 1;
  const boxes: string[] = [];
  let deepest = 0;
  // An explicit list: stacks may be deeper than ours.
  const open: { node: Node; depth: number; start: number }[] = [{ node: root, depth: 0, start: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth, start } = next;
    const pixels = node.value / perPixel;
    if (pixels < 0.3) continue;
    deepest = Math.max(deepest, depth);
    boxes.push(box(node, depth, MARGIN + start / perPixel, pixels, root.value, options.unit));
    let at = start;
    for (const child of [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      open.push({ node: child, depth: depth + 1, start: at });
      at += child.value;
    }
  }
  const height = (deepest + 1) * ROW + HEAD + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">
<rect id="background" width="100%" height="100%" fill="#fdfaf3"/>
<text x="${width / 2}" y="20" text-anchor="middle" font-size="15">${quoted(options.title)}</text>
<g transform="translate(0 ${height - MARGIN}) scale(1 -1)">
${boxes.join('\n')}
</g>
<script>${ZOOM}</script>
</svg>
`;
}

const MARGIN = 10;
const ROW = 17;
const HEAD = 36;

interface Node {
  readonly name: string;
  value: number;
  readonly children: Map<string, Node>;
}

function merge(stacks: readonly StackCount[]): Node {
  const root: Node = { name: 'all', value: 0, children: new Map() };
  for (const { frames, value } of stacks) {
    root.value += value;
    let node = root;
    for (const name of frames) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = { name, value: 0, children: new Map() };
        node.children.set(name, child);
      }
      child.value += value;
      node = child;
    }
  }
  return root;
}

/** The group is upside down, so that the root is at the bottom: its text is turned back. */
function box(node: Node, depth: number, x: number, pixels: number, all: number, unit: string): string {
  const y = depth * ROW;
  const share = all === 0 ? 0 : (node.value / all) * 100;
  const letters = Math.floor((pixels - 4) / 6.7);
  const label = letters < 3 ? '' : node.name.length <= letters ? node.name : `${node.name.slice(0, letters - 2)}..`;
  const title = `${node.name} (${node.value} ${unit}, ${share.toFixed(2)} %)`;
  return `<g class="f" data-x="${x.toFixed(2)}" data-w="${pixels.toFixed(2)}" data-n="${quoted(node.name)}"><title>${quoted(title)}</title><rect x="${x.toFixed(2)}" y="${y}" width="${Math.max(0.3, pixels - 0.4).toFixed(2)}" height="${ROW - 1}" rx="2" fill="${colour(node.name)}"/><text x="${(x + 3).toFixed(2)}" y="${-y - 4}" transform="scale(1 -1)">${quoted(label)}</text></g>`;
}

/** The same name always has the same colour; kernel functions (`_k`) are cooler. */
function colour(name: string): string {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  const part = (hash >>> 8) % 50;
  return name.endsWith('_[k]') ? `hsl(${190 + part} 55% 70%)` : `hsl(${10 + part} 85% 68%)`;
}

function quoted(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Without names of its own in the page, and without libraries: the file stays one that can be mailed. */
const ZOOM = `(()=>{const all=[...document.querySelectorAll('.f')],W=document.documentElement.viewBox.baseVal.width-20;
const show=(x,w)=>{for(const g of all){const gx=+g.dataset.x,gw=+g.dataset.w,r=g.children[1],t=g.children[2];
const a=Math.max(gx,x),b=Math.min(gx+gw,x+w);const seen=b-a>0.01;g.style.display=seen?'':'none';if(!seen)continue;
const px=10+(a-x)/w*W,pw=(b-a)/w*W;r.setAttribute('x',px);r.setAttribute('width',Math.max(.3,pw-.4));t.setAttribute('x',px+3);
const n=g.dataset.n,l=Math.floor((pw-4)/6.7);t.textContent=l<3?'':n.length<=l?n:n.slice(0,l-2)+'..';}};
for(const g of all)g.addEventListener('click',()=>show(+g.dataset.x,+g.dataset.w));
document.getElementById('background').addEventListener('click',()=>show(10,W));})()`;
