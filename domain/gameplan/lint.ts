import type { Gameplan, ProblemCode, Range } from './model.ts'
import { CHECKLIST_RULES, checkboxOf } from './rules/checklist.ts'
import { DOCUMENT_RULES } from './rules/document.ts'
import { FLAG_RULES } from './rules/flag.ts'
import { GRAPH_RULES } from './rules/graph.ts'
import { INSIGHT_RULES } from './rules/insight.ts'
import { PATCH_RULES } from './rules/patches.ts'
import { type ChecklistItem, Facts, type Objection, type Rule, type Severity, type Subject } from './rules/rule.ts'
import { STUB_RULES } from './rules/stubs.ts'
import { TEST_RULES } from './rules/tests.ts'

/** All rules of a document, those that judge the same things together. */
export const RULES: readonly Rule[] = [
  ...DOCUMENT_RULES,
  ...FLAG_RULES,
  ...PATCH_RULES,
  ...GRAPH_RULES,
  ...INSIGHT_RULES,
  ...TEST_RULES,
  ...STUB_RULES,
  ...CHECKLIST_RULES,
]

/** What a rule found, and where. */
export interface Finding {
  rule: string
  severity: Severity
  message: string
  hint: string
  range: Range
  /** The item of the mergability checklist that it contradicts, and whether the author has ticked that. */
  item: ChecklistItem | null
  ticked: boolean
}

export interface LintReport {
  /** In the order of the text. */
  findings: Finding[]
  errors: number
  warnings: number
  infos: number
  /** Rules that cannot judge before what they read is filled in and can be read. */
  heldBack: string[]
}

const HIDDEN_BY: Partial<Record<ProblemCode, Subject>> = {
  'patch-heading-unreadable': 'patches',
  'graph-line-unreadable': 'graph-rows',
  'test-map-unreadable': 'test-map',
}

/** Judges a gameplan by all rules; `rules` is for tests. */
export function lintGameplan(plan: Gameplan, rules: readonly Rule[] = RULES): LintReport {
  const facts = new Facts(plan)
  const unread = plan.problems.some(({ code }) => code === 'document-too-long')
  const unready = unreadySubjects(plan)
  const applicable = unread ? rules.filter(({ id }) => id === 'document-too-long') : rules
  const ready = applicable.filter(({ reads }) => !reads.some((subject) => unready.has(subject)))
  const findings = ready
    .flatMap((rule) => [...rule.check(facts)].map((objection) => ruleFinding(plan, rule, objection)))
    .sort((one, other) => one.range.start.offset - other.range.start.offset)
  return { ...reportOf(findings), heldBack: rules.filter((rule) => !ready.includes(rule)).map(({ id }) => id) }
}

/** Counts findings. */
export function reportOf(findings: Finding[]): Omit<LintReport, 'heldBack'> {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length
  return { findings, errors: count('error'), warnings: count('warning'), infos: count('info') }
}

/** What a rule objects to, with what the rule and the author's checklist say about it. */
export function ruleFinding(
  plan: Gameplan,
  rule: Pick<Rule, 'id' | 'severity' | 'hint' | 'item'>,
  { range, message, hint = rule.hint }: Objection,
): Finding {
  const { id, severity, item = null } = rule
  const ticked = item !== null && checkboxOf(plan, item)?.checked === true
  return { rule: id, severity, message, hint, range, item, ticked }
}

function unreadySubjects(plan: Gameplan): Set<Subject> {
  const subjects = new Set<Subject>()
  for (const { part } of plan.placeholders) if (part) subjects.add(part)
  if (plan.patches.length === 0) subjects.add('patches')
  if (plan.graph.length === 0) subjects.add('graph-rows')
  for (const { code } of plan.problems) {
    const subject = HIDDEN_BY[code]
    if (subject) subjects.add(subject)
  }
  if (subjects.size > 0) subjects.add('everything')
  return subjects
}
