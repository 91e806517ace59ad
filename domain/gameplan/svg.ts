import type { DrawnPatch, PatchGraph } from './graph.ts'
import { BOX, type Box, type Line, layoutGraph } from './layout.ts'

const MARGIN = 16
const HEADER = 48
/** Characters of a title that fit into a box; those of East Asia are as wide as two. */
const TITLE = 32

/** Light and dark as the reader's system is; the class of a patch is also written, not only coloured. */
const STYLE = `
svg { --paper: #ffffff; --ink: #1f2937; --faint: #6b7280; --line: #9ca3af; color-scheme: light dark }
.infra { --fill: #dbeafe; --edge: #1d4ed8 } .gated { --fill: #fef3c7; --edge: #b45309 }
.behavior { --fill: #fee2e2; --edge: #b91c1c } .unclassed { --fill: #f3f4f6; --edge: #6b7280 }
@media (prefers-color-scheme: dark) {
svg { --paper: #0f172a; --ink: #f1f5f9; --faint: #94a3b8; --line: #64748b }
.infra { --fill: #1e3a5f; --edge: #60a5fa } .gated { --fill: #4a3410; --edge: #fbbf24 }
.behavior { --fill: #4c1d1d; --edge: #f87171 } .unclassed { --fill: #1f2937; --edge: #9ca3af }
}
.paper { fill: var(--paper) } text { font: 12px system-ui, sans-serif; fill: var(--ink) }
.name { font-weight: 600 } .faint { fill: var(--faint) }
rect.box { fill: var(--fill); stroke: var(--edge) } .critical rect.box { stroke-width: 3 }
path { fill: none; stroke: var(--line); stroke-width: 1.25 } path.critical { stroke: var(--ink); stroke-width: 2.5 }
marker path { stroke: none; fill: var(--line) } marker.critical path { fill: var(--ink) }`

/** The graph as an SVG document of its own: a column a layer, the critical path thick. */
export function toSvg(graph: PatchGraph): string {
  const { boxes, lines, width, height } = layoutGraph(graph)
  const [wide, high] = [Math.max(width, 480) + 2 * MARGIN, height + HEADER + 2 * MARGIN]
  // Critical lines last, so that they lie on top.
  const ordered = lines.toSorted((one, other) => Number(one.critical) - Number(other.critical))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" width="${wide}" height="${high}" role="img">
<title>Dependency graph of ${graph.patches.length} patches</title>
<style>${STYLE}
</style>
<defs>${marker('arrow', 'plain')}${marker('arrow-critical', 'critical')}</defs>
<rect class="paper" width="${wide}" height="${high}"/>
${header(graph)}
<g transform="translate(${MARGIN} ${HEADER + MARGIN})">
${ordered.map(path).join('\n')}
${boxes.map(box).join('\n')}
</g>
</svg>
`
}

function header({ patches, layers, criticalPath, cyclic, safeCount }: PatchGraph): string {
  const safe = `${safeCount} of ${patches.length} patches are [INFRA] or [GATED]`
  const facts = [`${layers.length} layers`, safe, ...(cyclic.length > 0 ? [`never start: ${cyclic.join(', ')}`] : [])]
  const chain = `Critical path: ${criticalPath.join(' → ')}`
  return [
    `<text class="name" x="${MARGIN}" y="${MARGIN + 12}">${escaped(chain)}</text>`,
    `<text class="faint" x="${MARGIN}" y="${MARGIN + 30}">${escaped(facts.join(' · '))}</text>`,
  ].join('\n')
}

function marker(id: string, name: string): string {
  return `<marker id="${id}" class="${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>`
}

function path({ points: [first, ...rest], critical }: Line): string {
  let d = `M${first?.x} ${first?.y}`
  let last = first
  for (const point of rest) {
    const half = ((last?.x ?? 0) + point.x) / 2
    d += last?.y === point.y ? `H${point.x}` : `C${half} ${last?.y} ${half} ${point.y} ${point.x} ${point.y}`
    last = point
  }
  const name = critical ? ' class="critical"' : ''
  return `<path${name} d="${d}" marker-end="url(#arrow${critical ? '-critical' : ''})"/>`
}

function box({ patch, x, y }: Box): string {
  const name = `${patch.class?.toLowerCase() ?? 'unclassed'}${patch.critical ? ' critical' : ''}`
  return `<g class="${name}" transform="translate(${x} ${y})"><title>${escaped(nameOf(patch))}</title>
<rect class="box" width="${BOX.width}" height="${BOX.height}" rx="6"/>
<text class="name" x="10" y="21">${escaped(shortened(`Patch ${patch.id}`, TITLE))}${given(patch)}</text>
<text x="10" y="39">${escaped(shortened(patch.title ?? '', TITLE))}</text></g>`
}

function given(patch: DrawnPatch): string {
  return `<tspan class="faint" font-weight="400"> ${patch.class ?? 'no class'}</tspan>`
}

function nameOf({ id, class: of, title }: DrawnPatch): string {
  return `Patch ${id}${of ? ` [${of}]` : ''}${title ? `: ${title}` : ''}`
}

function shortened(text: string, width: number): string {
  let room = width
  let fitting = ''
  for (const character of text) {
    room -= character >= '\u1100' ? 2 : 1
    if (room < 0) return `${fitting.trimEnd()}…`
    fitting += character
  }
  return fitting
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  const valid = text.toWellFormed().replace(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
  return valid.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
