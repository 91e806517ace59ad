import { SECTIONS, type SectionKey } from '../model.ts'
import { counted, type Rule, unread } from './rule.ts'

const KEYS = Object.keys(SECTIONS) as SectionKey[]
/** Rules of their own say what is to be in these. */
const JUDGED_ELSEWHERE: (SectionKey | null)[] = [
  'mergability-strategy',
  'feature-flagging-strategy',
  'acceptance-criteria',
  'patches',
  'test-map',
  'dependency-graph',
  'mergability-checklist',
]

export const DOCUMENT_RULES: Rule[] = [
  unread('document-too-long', 'error', 'The document is short enough to be read.'),
  {
    id: 'placeholder',
    severity: 'error',
    demands: 'No text of the template is left.',
    hint: 'Say it in your own words, or delete it.',
    reads: [],
    check: ({ plan }) =>
      plan.placeholders.map(({ value, range }) => ({ range, message: `The template's "${value}" is still here.` })),
  },
  {
    id: 'title-missing',
    severity: 'warning',
    demands: 'The document has a title.',
    hint: 'Begin with `# Gameplan: name-of-the-project`.',
    reads: ['title'],
    check: ({ plan, top }) => (plan.title ? [] : [{ range: top, message: 'The gameplan has no title.' }]),
  },
  {
    id: 'section-missing',
    severity: 'warning',
    demands: 'Every section of the format is there (in any order); patches and graph have rules of their own.',
    hint: 'Add it; a sentence that says why there is nothing to say is enough.',
    reads: [],
    check: ({ plan, top }) =>
      KEYS.filter((key) => key !== 'patches' && key !== 'dependency-graph')
        .filter((key) => !plan.sections.some((section) => section.key === key))
        .map((key) => ({ range: top, message: `The section "${SECTIONS[key]}" is missing.` })),
  },
  {
    id: 'section-repeated',
    severity: 'warning',
    demands: 'No section of the format is there twice.',
    hint: 'Make one section of the two.',
    reads: [],
    check: ({ plan }) =>
      plan.sections
        .filter(({ key }, index) => key && plan.sections.findIndex((other) => other.key === key) < index)
        .map(({ heading }) => ({ range: heading.range, message: `There is a section "${heading.value}" already.` })),
  },
  {
    id: 'section-empty',
    severity: 'warning',
    demands: 'No section of the format is empty.',
    hint: 'Say it, or say why there is nothing to say.',
    reads: [],
    check: ({ plan }) =>
      plan.sections
        .filter(({ key, filled }) => key && !filled && !JUDGED_ELSEWHERE.includes(key))
        .map(({ heading }) => ({ range: heading.range, message: `The section "${heading.value}" is empty.` })),
  },
  {
    id: 'criteria-missing',
    severity: 'warning',
    demands: 'There are acceptance criteria.',
    hint: 'Add a list of `- [ ] …`: the plan has ended when all are ticked.',
    reads: ['acceptance-criteria'],
    check: ({ plan }) =>
      plan.sections
        .filter(({ key }) => key === 'acceptance-criteria' && plan.criteria.length === 0)
        .map(({ heading }) => ({ range: heading.range, message: 'There is no acceptance criterion.' })),
  },
  {
    id: 'criterion-without-checkbox',
    severity: 'warning',
    demands: 'Every acceptance criterion has a checkbox.',
    hint: 'Write it as `- [ ] …`, so that it can be ticked.',
    reads: ['acceptance-criteria'],
    check: ({ plan }) =>
      plan.criteria
        .filter(({ checked }) => checked === null)
        .map(({ text }) => ({ range: text.range, message: 'This criterion has no checkbox.' })),
  },
  {
    id: 'questions-open',
    severity: 'info',
    demands: 'No question is open.',
    hint: 'Answer it and move the answer to the opinions, or tick it as `- [x] …`; open questions gate the end of the plan.',
    reads: ['open-questions'],
    check: ({ plan }) => {
      const open = plan.questions.filter(({ checked }) => checked !== true)
      const [first] = open
      const verb = open.length === 1 ? 'is' : 'are'
      return first ? [{ range: first.text.range, message: `${counted(open.length, 'question')} ${verb} open.` }] : []
    },
  },
]
