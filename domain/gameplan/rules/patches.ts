import { PATCH_CLASSES, sameId } from '../model.ts'
import { counted, listed, patchesNamed, type Rule, unread } from './rule.ts'

const CLASSES = listed(
  PATCH_CLASSES.map((name) => `[${name}]`),
  'or',
)
const REASON =
  /\b(because|since|justif\w*|otherwise|(can(not|'t|’t)|could not|must not|need not) (be )?(gated?|deferred?|wait|split))\b/i
const TEST_FILE = /(^|\/)(__tests__|tests?)\/|\.(test|spec)\.\w+$/

export const PATCH_RULES: Rule[] = [
  unread('patch-heading-unreadable', 'error', 'Every heading of a patch can be read.'),
  {
    id: 'patches-missing',
    severity: 'error',
    demands: 'There is a patch.',
    hint: 'Add a section `## Patches` with headings such as `### Patch 1 [INFRA]: Title`.',
    reads: [],
    check: ({ plan, top }) => {
      const unread = plan.problems.some(({ code }) => code === 'patch-heading-unreadable')
      return plan.patches.length > 0 || unread ? [] : [{ range: top, message: 'There is no patch.' }]
    },
  },
  {
    id: 'patch-class',
    severity: 'error',
    demands: `The heading of every patch has a class: ${CLASSES}.`,
    hint: `Write it after the id: ${CLASSES}.`,
    reads: ['patches'],
    check: ({ plan }) =>
      plan.patches
        .filter((patch) => !PATCH_CLASSES.some((name) => name === patch.class?.value))
        .map(({ id, class: given, heading }) => ({
          range: given?.range ?? heading,
          message: given
            ? `Patch ${id.value} has the unknown class [${given.value}].`
            : `Patch ${id.value} has no class.`,
        })),
  },
  {
    id: 'patch-repeated',
    severity: 'error',
    demands: 'No two patches have the same id.',
    hint: 'Give it an id of its own, such as 3a.',
    reads: ['patches'],
    check: ({ plan }) =>
      plan.patches
        .filter(({ id }, index) => plan.patches.findIndex((other) => sameId(other.id.value, id.value)) < index)
        .map(({ id }) => ({ range: id.range, message: `There is a Patch ${id.value} already.` })),
  },
  {
    id: 'patch-title-missing',
    severity: 'warning',
    demands: 'Every patch has a title.',
    hint: 'Write it after a colon: `### Patch 3 [INFRA]: Title`.',
    reads: ['patches'],
    check: ({ plan }) =>
      plan.patches
        .filter(({ title }) => title === null)
        .map(({ id, heading }) => ({ range: heading, message: `Patch ${id.value} has no title.` })),
  },
  {
    id: 'patch-empty',
    severity: 'warning',
    demands: 'Every patch says which files it touches, or what it changes.',
    hint: 'Add **Files to modify:** and **Changes:**, so that it can be reviewed, and its size be seen.',
    reads: ['patches'],
    check: ({ plan }) =>
      plan.patches
        .filter(({ fileCount, changes, text }) => fileCount === 0 && changes.length === 0 && text === '')
        .map(({ id, heading }) => ({ range: heading, message: `Patch ${id.value} says neither files nor changes.` })),
  },
  {
    id: 'behavior-size',
    severity: 'info',
    demands: 'A [BEHAVIOR] patch names one file, tests aside; if more, they are counted.',
    hint: 'What could ship before it as [INFRA] or [GATED] makes it smaller.',
    item: 7,
    reads: ['patches'],
    check: ({ plan }) =>
      plan.patches.flatMap((patch) => {
        const named = patch.files.filter(({ value }) => !TEST_FILE.test(value)).length
        if (patch.class?.value !== 'BEHAVIOR' || Math.max(named, patch.fileCount - patch.files.length) < 2) return []
        const files =
          patch.fileCount > patch.files.length ? counted(patch.fileCount, 'file') : `${named} files, tests aside`
        const changes = patch.changes.length > 0 ? `, and ${counted(patch.changes.length, 'change')}` : ''
        const message = `Patch ${patch.id.value} [BEHAVIOR] names ${files}${changes}.`
        return [{ range: patch.heading, message }]
      }),
  },
  {
    id: 'behavior-justified',
    severity: 'info',
    demands: 'Every [BEHAVIOR] patch says why it cannot be gated or deferred.',
    hint: 'Give a reason in the text of the patch: "cannot be gated because …".',
    item: 9,
    reads: ['patches'],
    check: ({ patches }) => {
      const behavior = patches.filter((patch) => patch.class?.value === 'BEHAVIOR')
      const silent = behavior.filter(({ text }) => !REASON.test(text))
      const [first] = silent
      if (!first) return []
      const all = `${silent.length} of ${counted(behavior.length, '[BEHAVIOR] patch').replace(/patchs$/, 'patches')}`
      const verb = silent.length === 1 ? 'gives' : 'give'
      return [{ range: first.heading, message: `${all} ${verb} no reason in the text: ${patchesNamed(silent)}.` }]
    },
  },
]
