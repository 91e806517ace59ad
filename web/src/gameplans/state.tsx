import type { schemas } from '../api/schema.ts'
import { Notice } from '../components/notice.tsx'
import { StatusLine } from '../components/status-line.tsx'
import { When } from '../components/when.tsx'
import { counted, patchesNamed } from './words.ts'

type Gameplan = schemas['Gameplan']

/** Where the gameplan is and what it waits for, in a line; what stands in its way below. */
export function State({ gameplan }: { gameplan: Gameplan }) {
  const { status, pauseReason, problem } = gameplan
  return (
    <>
      <StatusLine of={gameplan}>
        <Sentence gameplan={gameplan} />
      </StatusLine>
      {status === 'paused' && (
        <Notice title="Paused">
          {pauseReason || 'No reason was given'}. What is merged is still noted; nothing is done with the flag until it
          is resumed.
        </Notice>
      )}
      {problem && (
        <Notice title="The flag could not be changed" bad>
          {problem.detail} It is tried again every minute.
        </Notice>
      )}
    </>
  )
}

function Sentence({ gameplan }: { gameplan: Gameplan }) {
  const { status, finishedAt, startedBy, startedAt } = gameplan
  if (status === 'draft') return 'Nothing happens before it is started.'
  if (finishedAt) {
    return (
      <>
        {status === 'completed' ? 'Everything is done' : 'It was ended'} <When at={finishedAt} as="relative" />.
      </>
    )
  }
  return (
    <>
      {progressOf(gameplan)}
      {startedAt && (
        <span className="quiet">
          {' '}
          Started by {startedBy} <When at={startedAt} as="relative" />.
        </span>
      )}
    </>
  )
}

function progressOf({ patches, progress, flag }: Gameplan): string {
  const { done, openGates } = progress
  const ready = patches.filter(({ state }) => state === 'ready').map(({ id }) => id)
  const sentences = [
    `${done} of ${counted(patches.length, 'patch', 'patches')} ${done === 1 ? 'is' : 'are'} done.`,
    ...(ready.length > 0 ? [`${patchesNamed(ready)} can be merged.`] : []),
    ...(openGates > 0 && ready.length === 0
      ? [`It waits for ${counted(openGates, 'criterion or question', 'criteria and questions')}.`]
      : []),
    ...(ready.length === 0 && flag?.state === 'switching' ? ['Its flag is being switched.'] : []),
  ]
  return sentences.join(' ')
}
