import { Anchor, Group, Text } from '@mantine/core'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import { parametersOf } from './gameplan-actions.tsx'
import classes from './patches.module.css'
import { activationWords, listed, patchesNamed, STATE_STATUS, whyOver } from './words.ts'

type Gameplan = schemas['Gameplan']
type Patch = schemas['GameplanPatch']
interface OfPatch {
  gameplan: Gameplan
  patch: Patch
}

/** One patch: what it waits for, what became of it, and what can be done with it. */
export function PatchCard({ gameplan, patch }: OfPatch) {
  const { id, title, class: its, state, waitsFor, dependencies, flagStep, pullRequest } = patch
  const after = gameplan.patches.filter((other) => other.dependencies.includes(id)).map((other) => other.id)
  return (
    <section className={`panel ${classes.patch}`} aria-label={`Patch ${id}`}>
      <Group justify="space-between" gap="sm" align="flex-start" wrap="nowrap">
        <Text component="h3" size="sm" fw={600}>
          Patch {id}
          {its && <span className="quiet"> [{its}]</span>}: {title ?? 'no title'}
        </Text>
        <Text size="sm" component="span">
          <Status of={STATE_STATUS[state]} />
        </Text>
      </Group>
      <Text size="xs" component="div" className={classes.facts}>
        <span>
          {waitsFor.length > 0
            ? `Waits for ${patchesNamed(waitsFor)}`
            : dependencies.length > 0
              ? `${patchesNamed(dependencies)} before it ${dependencies.length === 1 ? 'is' : 'are'} done`
              : 'Depends on nothing'}
        </span>
        {after.length > 0 && <span>{patchesNamed(after)} after it</span>}
        {flagStep === 'introduced' && <span>Its merge creates the flag {gameplan.flag?.key}</span>}
        {flagStep === 'activated' && <span>Its merge switches the flag {gameplan.flag?.key}</span>}
        {pullRequest && <PullRequest named={pullRequest} />}
      </Text>
      <Decision patch={patch} />
      <Group gap="xs">
        <Actions gameplan={gameplan} patch={patch} />
      </Group>
    </section>
  )
}

function PullRequest({ named }: { named: string }) {
  const [repository, number] = named.split('#')
  return (
    <Anchor size="xs" href={`https://github.com/${repository}/pull/${number}`} target="_blank" rel="noreferrer">
      {named}
    </Anchor>
  )
}

function Decision({ patch: { state, decidedAt, decidedBy, reason } }: { patch: Patch }) {
  if (!decidedAt) return null
  const word = { merged: 'Merged', skipped: 'Skipped', ready: 'Reverted', blocked: 'Reverted' }[state]
  return (
    <Text size="xs" className="quiet">
      {word} by {decidedBy} <When at={decidedAt} as="relative" />
      {reason && `: ${reason}`}
    </Text>
  )
}

function Actions({ gameplan, patch }: OfPatch) {
  const { id, state } = patch
  const over = whyOver(gameplan)
  const blocked = over ?? (gameplan.status === 'draft' ? 'The gameplan is not started yet.' : undefined)
  const params = (confirmed: Parameters<typeof parametersOf>[1]) => {
    const { path, ...rest } = parametersOf(gameplan, confirmed)
    return { path: { ...path, patchId: id }, ...rest }
  }
  if (state === 'merged' || state === 'skipped') {
    return (
      <ConfirmButton
        label="Revert"
        title={`Take back that Patch ${id} was ${state}?`}
        danger
        blocked={blocked}
        run={(confirmed) =>
          client.POST('/api/admin/gameplans/{id}/patches/{patchId}/reverted', { params: params(confirmed) })
        }
      >
        <Text size="sm">{afterRevert({ gameplan, patch })}</Text>
      </ConfirmButton>
    )
  }
  return (
    <>
      <ConfirmButton
        label="Mark as merged"
        title={`Patch ${id} is merged?`}
        variant="filled"
        blocked={blocked ?? (state === 'blocked' ? `It waits for ${patchesNamed(patch.waitsFor)}.` : undefined)}
        run={(confirmed) =>
          client.POST('/api/admin/gameplans/{id}/patches/{patchId}/merged', { params: params(confirmed) })
        }
      >
        <Text size="sm">{afterMerge({ gameplan, patch })}</Text>
      </ConfirmButton>
      <ConfirmButton
        label="Skip"
        title={`Skip Patch ${id}?`}
        blocked={blocked}
        run={(confirmed) =>
          client.POST('/api/admin/gameplans/{id}/patches/{patchId}/skipped', { params: params(confirmed) })
        }
      >
        <Text size="sm">
          It is not needed. {unblocked({ gameplan, patch })}
          {patch.flagStep &&
            ` The flag ${gameplan.flag?.key} is not ${patch.flagStep === 'introduced' ? 'created' : 'switched'} for it.`}
        </Text>
      </ConfirmButton>
    </>
  )
}

/** Which patches wait for this one and nothing else. */
function unblocked({ gameplan, patch }: OfPatch): string {
  const next = gameplan.patches.filter(({ waitsFor }) => waitsFor.length === 1 && waitsFor[0] === patch.id)
  if (next.length === 0) return 'No other patch becomes ready by it.'
  return `${patchesNamed(next.map(({ id }) => id))} can be merged then.`
}

function afterMerge({ gameplan, patch }: OfPatch): string {
  const { flag, activation, status } = gameplan
  const later = status === 'paused' ? ' once the gameplan is resumed' : ''
  const effect =
    patch.flagStep === 'introduced'
      ? ` The flag ${flag?.key} is created, off${later}.`
      : patch.flagStep === 'activated'
        ? ` The flag ${flag?.key} is switched on ${activationWords(activation)}${later}.`
        : ''
  return `${unblocked({ gameplan, patch })}${effect} It can be taken back.`
}

function afterRevert({ gameplan: { patches, flag }, patch }: OfPatch): string {
  const after = patches.filter(({ dependencies }) => dependencies.includes(patch.id))
  const [open, merged] = [
    after.filter(({ state }) => state === 'ready'),
    after.filter(({ state }) => state === 'merged'),
  ]
  const sentences = [
    open.length > 0 ? `${patchesNamed(open.map(({ id }) => id))} must wait for it again.` : '',
    merged.length > 0
      ? `${listed(merged.map(({ id }) => id))} stay merged, without their effects until it is back.`
      : '',
    flag && ['switching', 'switched'].includes(flag.state)
      ? `If the patch that activates ${flag.key} is this one or waits for it, the flag is switched off.`
      : '',
  ]
  return sentences.filter(Boolean).join(' ') || 'It is open again. Nothing else changes.'
}
