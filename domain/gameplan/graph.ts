import { canonicalId, type Gameplan, PATCH_CLASSES, type PatchClass } from './model.ts'

/** A patch and what it waits for. */
export interface PatchNode {
  id: string
  /** null: none, or one that the format does not have */
  class: PatchClass | null
  title: string | null
  /** Ids of nodes, each once. */
  dependencies: string[]
}

export interface DrawnPatch extends PatchNode {
  /** From 0; null: it is in a cycle, or waits for one */
  layer: number | null
  /** `[INFRA]` or `[GATED]`: it changes nothing that a user sees. */
  safe: boolean
  /** Safe, and so is all that it waits for: it can ship before anything changes. */
  early: boolean
  critical: boolean
}

export interface PatchGraph {
  patches: DrawnPatch[]
  /** Patches of a layer can go in parallel, once the layers before it are merged. */
  layers: string[][]
  /** The longest chain of patches that wait for each other; of several the first in the document's order. */
  criticalPath: string[]
  /** Patches that can never start: they are in a cycle, or wait for one. */
  cyclic: string[]
  safeCount: number
}

/**
 * The patches with a heading, then those that only the graph has. Dependencies on patches that are neither are left out;
 * of several headings or lines with the same id the first counts.
 */
export function patchNodes(plan: Gameplan): PatchNode[] {
  const rows = new Map(plan.graph.toReversed().map((row) => [canonicalId(row.id.value), row]))
  const named = new Map<string, Omit<PatchNode, 'dependencies'>>()
  for (const { id, class: given, title } of [...plan.patches, ...plan.graph.map((row) => ({ ...row, title: null }))]) {
    const key = canonicalId(id.value)
    const known = named.get(key)
    if (!known) named.set(key, { id: id.value, class: knownClass(given?.value), title: title?.value ?? null })
  }
  return [...named].map(([key, node]) => {
    const wanted = rows.get(key)?.dependencies.map(({ value }) => named.get(canonicalId(value))?.id) ?? []
    return { ...node, dependencies: [...new Set(wanted.filter((id) => id !== undefined))] }
  })
}

function knownClass(name: string | undefined): PatchClass | null {
  return PATCH_CLASSES.find((one) => one === name) ?? null
}

/** Layers, critical path and what is safe. The ids of `nodes` are unique, and their dependencies are among them. */
export function drawnGraph(nodes: PatchNode[]): PatchGraph {
  const ancestors = ancestorsOf(nodes)
  const layers = layersOf(nodes)
  const layerOf = new Map(layers.flatMap((ids, layer) => ids.map((id) => [id, layer])))
  const criticalPath = criticalPathOf(nodes, layers)
  const unsafe = nodes.filter((node) => !isSafe(node)).map(({ id }) => id)
  return {
    patches: nodes.map((node) => ({
      ...node,
      layer: layerOf.get(node.id) ?? null,
      safe: isSafe(node),
      early: isSafe(node) && !unsafe.some((id) => ancestors.get(node.id)?.has(id)),
      critical: criticalPath.includes(node.id),
    })),
    layers,
    criticalPath,
    cyclic: nodes.filter(({ id }) => !layerOf.has(id)).map(({ id }) => id),
    safeCount: nodes.length - unsafe.length,
  }
}

function isSafe(node: PatchNode): boolean {
  return node.class === 'INFRA' || node.class === 'GATED'
}

/** Of every patch all that it waits for, also by way of others; in a cycle that is the patch itself, too. */
export function ancestorsOf(nodes: Pick<PatchNode, 'id' | 'dependencies'>[]): Map<string, Set<string>> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  return new Map(
    nodes.map(({ id, dependencies }) => {
      const seen = new Set<string>()
      const waiting = [...dependencies]
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        if (seen.has(next)) continue
        seen.add(next)
        waiting.push(...(byId.get(next)?.dependencies ?? []))
      }
      return [id, seen]
    }),
  )
}

/** Each patch as early as its dependencies allow, a layer in the document's order. */
function layersOf(nodes: PatchNode[]): string[][] {
  const layers: string[][] = []
  const placed = new Set<string>()
  for (;;) {
    const layer = startable(nodes, placed)
    if (layer.length === 0) return layers
    layers.push(layer)
    for (const id of layer) placed.add(id)
  }
}

/** The patches that are not merged, while all that they wait for is. */
export function startable(nodes: PatchNode[], merged: ReadonlySet<string>): string[] {
  return nodes
    .filter(({ id, dependencies }) => !merged.has(id) && dependencies.every((other) => merged.has(other)))
    .map(({ id }) => id)
}

function criticalPathOf(nodes: PatchNode[], layers: string[][]): string[] {
  // How many patches the longest chain from this one to an end has.
  const height = new Map<string, number>()
  for (const id of layers.flat().toReversed()) {
    const after = nodes.filter((node) => node.dependencies.includes(id))
    height.set(id, 1 + Math.max(0, ...after.map((node) => height.get(node.id) ?? 0)))
  }
  const path: string[] = []
  let choices = nodes.filter(({ id }) => height.has(id))
  for (let left = Math.max(0, ...height.values()); left > 0; left--) {
    const next = choices.find(({ id }) => height.get(id) === left)
    if (!next) break
    path.push(next.id)
    choices = nodes.filter(({ dependencies }) => dependencies.includes(next.id))
  }
  return path
}
