import type { schemas } from '../api/schema.ts'
import { Steps } from '../components/steps.tsx'
import { ServedBy } from './served-by.tsx'
import { progressionWords } from './words.ts'

/** The milestones of a template, as a plan that is made of it will have them. */
export function TemplateSteps({ milestones }: Pick<schemas['ReleasePlanTemplate'], 'milestones'>) {
  return (
    <Steps
      label="Milestones in their order"
      steps={milestones.map(({ name, strategies }, place) => {
        const before = milestones[place - 1]
        return {
          key: place,
          name,
          status: 'waiting',
          moment: before ? `Starts ${progressionWords(before.progression)}` : 'Somebody starts it',
          children: <ServedBy strategies={strategies} />,
        }
      })}
    />
  )
}
