import { ancestorsOf, type PatchNode, patchNodes } from '../graph.ts'
import {
  canonicalId,
  type Gameplan,
  type Patch,
  type ProblemCode,
  type Range,
  type SectionKey,
  sameId,
} from '../model.ts'

/**
 * `error`: the document contradicts itself or cannot be followed; `warning`: it is not what the format asks for;
 * `info`: evidence for what no program can judge.
 */
export type Severity = 'error' | 'warning' | 'info'

/** The nine items of the mergability checklist, in the template's order. */
export type ChecklistItem = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

/**
 * What a rule judges. While there is a placeholder in it, a part of it could not be read, or there are no patches or no
 * graph at all, the rule is held back.
 */
export type Subject = SectionKey | 'title' | 'graph-rows' | 'everything'

/** A place that a rule objects to. */
export interface Objection {
  range: Range
  message: string
  /** Instead of the rule's own. */
  hint?: string
}

export interface Rule {
  id: string
  severity: Severity
  /** What holds of a document without a finding. */
  demands: string
  /** How a finding is mended. */
  hint: string
  /** The item of the checklist that a finding contradicts. */
  item?: ChecklistItem
  reads: Subject[]
  check(facts: Facts): Iterable<Objection>
}

/** A document, with what several rules ask of it. */
export class Facts {
  readonly plan: Gameplan
  readonly nodes: PatchNode[]
  readonly #patches: Map<string, Patch>
  readonly #ancestors: Map<string, Set<string>>

  constructor(plan: Gameplan) {
    this.plan = plan
    this.nodes = patchNodes(plan)
    this.#patches = new Map(plan.patches.toReversed().map((patch) => [canonicalId(patch.id.value), patch]))
    const ancestors = ancestorsOf(this.nodes)
    this.#ancestors = new Map([...ancestors].map(([id, of]) => [canonicalId(id), new Set([...of].map(canonicalId))]))
  }

  /** The patches, each id once. */
  get patches(): Patch[] {
    return this.plan.patches.filter((patch) => this.patch(patch.id.value) === patch)
  }

  patch(id: string | undefined): Patch | undefined {
    return id === undefined ? undefined : this.#patches.get(canonicalId(id))
  }

  /** Whether the patch has a line in the graph. */
  isOrdered(id: string): boolean {
    return this.plan.graph.some((row) => sameId(row.id.value, id))
  }

  /** Whether the graph makes `later` wait for `earlier`. */
  waitsFor(later: string, earlier: string): boolean {
    return this.#ancestors.get(canonicalId(later))?.has(canonicalId(earlier)) ?? false
  }

  /** The first place to look at when something is missing. */
  get top(): Range {
    const start = { line: 1, column: 1, offset: 0 }
    return this.plan.title?.range ?? this.plan.sections[0]?.heading.range ?? { start, end: start }
  }
}

/** "1", "1 and 2", "1, 2 and 3". */
export function listed(words: string[], and = 'and'): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} ${and} ${last}`
}

/** "Patch 3", "Patches 3 and 4". */
export function patchesNamed(patches: { id: { value: string } }[]): string {
  return `${patches.length === 1 ? 'Patch' : 'Patches'} ${listed(patches.map(({ id }) => id.value))}`
}

/** "1 file", "2 files". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A rule for what the parser could not read. */
export function unread(code: ProblemCode, severity: Severity, demands: string): Rule {
  return {
    id: code,
    severity,
    demands,
    hint: '',
    reads: [],
    check: ({ plan }) => plan.problems.filter((problem) => problem.code === code),
  }
}
