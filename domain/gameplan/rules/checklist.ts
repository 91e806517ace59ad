import { type Checkbox, type Gameplan, sectionOf } from '../model.ts'
import { type ChecklistItem, listed, type Rule } from './rule.ts'

const ITEMS: { item: ChecklistItem; text: string; known: RegExp }[] = [
  { item: 1, text: 'Feature flag strategy documented (or explained why not needed)', known: /flag(ging)? strategy/i },
  { item: 2, text: 'Early patches contain only non-functional changes', known: /early patches/i },
  { item: 3, text: 'Test stubs with .skip markers are in early [INFRA] patches', known: /test stubs/i },
  { item: 4, text: 'Test implementations are co-located with the code they test', known: /co-?located/i },
  { item: 5, text: 'Test Map is complete', known: /test map is complete/i },
  {
    item: 6,
    text: 'Test Map Impl Patch matches the patch that implements the tested code',
    known: /impl patch matches/i,
  },
  { item: 7, text: '[BEHAVIOR] patches are as small as possible', known: /as small as possible/i },
  { item: 8, text: 'Dependency graph shows [INFRA] patches early, [BEHAVIOR] patches late', known: /graph shows/i },
  { item: 9, text: 'Each [BEHAVIOR] patch is clearly justified', known: /justified/i },
]

/** The checkbox of an item, in the author's words. */
export function checkboxOf(plan: Gameplan, item: ChecklistItem): Checkbox | undefined {
  const known = ITEMS.find((one) => one.item === item)?.known
  return plan.checklist.find(({ text }) => known?.test(text.value))
}

export const CHECKLIST_RULES: Rule[] = [
  {
    id: 'checklist-item-missing',
    severity: 'warning',
    demands: 'The mergability checklist has its nine items.',
    hint: 'Add them as `- [ ] …`.',
    reads: ['mergability-checklist'],
    check: ({ plan }) => {
      const section = sectionOf(plan, 'mergability-checklist')
      if (!section) return []
      const missing = ITEMS.filter(({ item }) => checkboxOf(plan, item) === undefined)
      if (missing.length === 0) return []
      const texts = missing.map(({ text }) => `"${text}"`)
      const items = missing.length === 1 ? 'an item' : `${missing.length} items`
      return [{ range: section.heading.range, message: `The checklist lacks ${items}: ${listed(texts)}.` }]
    },
  },
  {
    id: 'checklist-open',
    severity: 'info',
    demands: 'All items of the mergability checklist are ticked.',
    hint: 'Tick it when it is so.',
    reads: ['everything'],
    check: ({ plan }) =>
      plan.checklist
        .filter(({ checked }) => checked !== true)
        .map(({ text }) => ({ range: text.range, message: 'This item of the checklist is not ticked.' })),
  },
]
