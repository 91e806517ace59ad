import type { DrawnPatch, PatchGraph } from './graph.ts'

const STYLES = `classDef infra fill:#dbeafe,stroke:#1d4ed8,color:#172554
classDef gated fill:#fef3c7,stroke:#b45309,color:#451a03
classDef behavior fill:#fee2e2,stroke:#b91c1c,color:#450a0a
classDef unclassed fill:#f3f4f6,stroke:#6b7280,color:#111827
classDef critical stroke-width:3px`

/** The graph as a Mermaid flowchart; patches of the critical path, and the arrows between them, are thick. */
export function toMermaid({ patches, criticalPath }: PatchGraph): string {
  const names = new Map(patches.map(({ id }, index) => [id, `p${index}`]))
  const next = new Map(criticalPath.map((id, index) => [id, criticalPath[index + 1]]))
  const arrows = patches.flatMap((patch) =>
    patch.dependencies.map(
      (id) => `${names.get(id)} ${next.get(id) === patch.id ? '==>' : '-->'} ${names.get(patch.id)}`,
    ),
  )
  const boxes = patches.map(
    (patch) => `${names.get(patch.id)}["${label(patch)}"]:::${patch.class?.toLowerCase() ?? 'unclassed'}`,
  )
  const critical =
    criticalPath.length > 0 ? [`class ${criticalPath.map((id) => names.get(id)).join(',')} critical`] : []
  const lines = [...boxes, ...arrows, ...STYLES.split('\n'), ...critical]
  return `flowchart LR\n${lines.map((line) => `  ${line}\n`).join('')}`
}

function label({ id, class: given, title }: DrawnPatch): string {
  return [`Patch ${id}${given ? ` [${given}]` : ''}`, ...(title ? [title] : [])].map(escaped).join('<br/>')
}

/** Mermaid reads Markdown and HTML in labels; everything that is neither letter nor space is written by its number. */
function escaped(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{M} ,.:/()[\]-]/gu, (character) => `#${character.codePointAt(0)};`)
}
