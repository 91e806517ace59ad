/** A place in a text: line and column count from 1, the offset from 0; columns and offsets are UTF-16 code units. */
export interface Point {
  line: number
  column: number
  offset: number
}

/** `text.slice(start.offset, end.offset)` is the source. */
export interface Range {
  start: Point
  end: Point
}

/** What an element says, and where. */
export interface Marked<Value = string> {
  value: Value
  range: Range
}

export const PATCH_CLASSES = ['INFRA', 'GATED', 'BEHAVIOR'] as const
export type PatchClass = (typeof PATCH_CLASSES)[number]

/** The format's sections, in the template's order. */
export const SECTIONS = {
  'problem-statement': 'Problem Statement',
  'solution-summary': 'Solution Summary',
  'mergability-strategy': 'Mergability Strategy',
  'feature-flagging-strategy': 'Feature Flagging Strategy',
  'patch-ordering-strategy': 'Patch Ordering Strategy',
  'current-state-analysis': 'Current State Analysis',
  'required-changes': 'Required Changes',
  'acceptance-criteria': 'Acceptance Criteria',
  'open-questions': 'Open Questions',
  'explicit-opinions': 'Explicit Opinions',
  patches: 'Patches',
  'test-map': 'Test Map',
  'dependency-graph': 'Dependency Graph',
  'mergability-checklist': 'Mergability Checklist',
} as const
export type SectionKey = keyof typeof SECTIONS

/** From one heading to the next one of a section. */
export interface Section {
  /** null: a section that the format does not have */
  key: SectionKey | null
  heading: Marked
  /** The author's text, heading included. */
  source: string
  range: Range
  /** Whether there is anything beneath the heading, subsections and comments aside. */
  filled: boolean
}

export interface Checkbox {
  text: Marked
  /** null: an item of the list that has no checkbox */
  checked: boolean | null
  /** The character between the brackets. */
  mark: Range | null
}

export interface Patch {
  /** As written, `3a`; two ids are the same when `sameId` says so. */
  id: Marked
  /** In capitals; not necessarily one of `PATCH_CLASSES`. */
  class: Marked | null
  title: Marked | null
  heading: Range
  range: Range
  files: Marked[]
  /** How many files it says that it touches: those named, or the number in "(26 files)". */
  fileCount: number
  changes: Marked[]
  /** Beneath the heading, as plain text. */
  text: string
}

/** A test in a code block of the document. */
export interface Stub {
  /** With the names of the blocks around it: `describe > should do X`. */
  name: Marked
  skipped: boolean
  /** The id of `// PENDING: Patch N`. */
  pending: Marked | null
  /** Id of the patch whose text it is in. */
  patchId: string | null
}

/** A row of the test map. */
export interface MappedTest {
  name: Marked
  file: Marked
  stubPatch: Marked | null
  implPatch: Marked | null
  range: Range
}

/** A line of the dependency graph. */
export interface GraphRow {
  id: Marked
  class: Marked | null
  dependencies: Marked[]
  range: Range
}

/** What is said beneath the graph. */
export interface Insight {
  range: Range
  /** "4 of 13 patches are `[INFRA]`" */
  counted: { count: Marked<number>; total: Marked<number>; classes: string[] } | null
  /** "Patches 5-9 can be parallelized after Patch 3a", `to` and `after` where they are given */
  parallel: { from: Marked; to: Marked | null; after: Marked | null; range: Range } | null
}

/** `Introduced` or `Activated`. */
export interface FlagStep {
  patch: Marked | null
  class: Marked | null
  range: Range
}

export interface Flag {
  type: Marked | null
  name: Marked | null
  introduced: FlagStep | null
  activated: FlagStep | null
}

/** Text of the template that is still there. */
export interface Placeholder extends Marked {
  /** `title`, or the section that it is in; null: one that the format does not have. */
  part: SectionKey | 'title' | null
}

export type ProblemCode =
  | 'document-too-long'
  | 'patch-heading-unreadable'
  | 'graph-line-unreadable'
  | 'test-map-unreadable'
  | 'flag-repeated'

/** What the parser could not read. */
export interface Problem {
  code: ProblemCode
  message: string
  hint: string
  range: Range
}

/** A document and what it says. Plain data: it can be kept as JSON. */
export interface Gameplan {
  /** What comes before the first section, the title included. */
  preamble: string
  sections: Section[]
  title: Marked | null
  flag: Flag | null
  /** Prose of the flagging strategy, without the fields of the flag; null: there is none. */
  flagProse: Marked | null
  criteria: Checkbox[]
  questions: Checkbox[]
  patches: Patch[]
  stubs: Stub[]
  tests: MappedTest[]
  graph: GraphRow[]
  insight: Insight | null
  checklist: Checkbox[]
  placeholders: Placeholder[]
  problems: Problem[]
}

/** An id as the other parts of a document may write it: `3a`, `3A`, `03a`. */
export function canonicalId(id: string): string {
  return id.toLowerCase().replace(/(^|\.)0+(?=\d)/g, '$1')
}

export function sameId(one: string, other: string): boolean {
  return canonicalId(one) === canonicalId(other)
}

export function sectionOf(plan: Gameplan, key: SectionKey): Section | undefined {
  return plan.sections.find((section) => section.key === key)
}
