import { Button, Group, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { schemas } from '../api/schema.ts'
import { Section } from '../components/page.tsx'
import { draftOf, NEW_STRATEGY, type StrategyDraft } from '../flags/strategy-draft.ts'
import { StrategyFields } from '../flags/strategy-fields.tsx'
import { ProgressionFields } from '../release-plans/progression-fields.tsx'
import { TemplateSteps } from '../release-plans/template-steps.tsx'
import { narrowed, served } from '../release-plans/words.ts'
import classes from './templates.module.css'

type Template = schemas['ReleasePlanTemplate']
type Progression = Template['milestones'][number]['progression']

interface MilestoneDraft {
  key: number
  name: string
  strategies: StrategyDraft[]
  progression: Progression
}

/** What is written: the body of the call that makes it. */
export interface TemplateBody {
  name: string
  description: string
  milestones: { name: string; strategies: StrategyDraft[]; progression: Progression }[]
}

const DAY = 86_400

const share = (percentage: number): StrategyDraft => ({
  ...NEW_STRATEGY,
  parameters: { ...NEW_STRATEGY.parameters, rollout: String(percentage) },
})

const CAREFUL: Omit<MilestoneDraft, 'key'>[] = [
  { name: 'A tenth', strategies: [share(10)], progression: { approval: true } },
  { name: 'Half', strategies: [share(50)], progression: { afterSeconds: DAY, approval: false } },
  { name: 'Everybody', strategies: [{ ...NEW_STRATEGY, name: 'default', parameters: {} }], progression: null },
]

/** Writes a template: its milestones, whom each serves, and what the next one waits for. */
export function TemplateForm({
  template,
  save,
}: {
  template?: Template
  /** The button that keeps it; `problem` says why that is not possible yet. */
  save: (body: TemplateBody, problem: string | undefined) => ReactNode
}) {
  const [name, setName] = useState(template?.name ?? '')
  const [description, setDescription] = useState(template?.description ?? '')
  const [milestones, setMilestones] = useState<MilestoneDraft[]>(() =>
    (template?.milestones.map((each) => ({ ...each, strategies: each.strategies.map(draftOf) })) ?? CAREFUL).map(
      (each, key) => ({ ...each, key }),
    ),
  )
  const change = (place: number, changed: Partial<MilestoneDraft>) =>
    setMilestones(milestones.map((each, at) => (at === place ? { ...each, ...changed } : each)))
  const body = bodyOf(name, description, milestones)
  return (
    <Stack gap="md">
      <Group align="flex-end" gap="xs">
        <TextInput
          className={classes.name}
          label="Name"
          maxLength={200}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        {save(body, whyNot(body))}
      </Group>
      <Textarea
        label="Description"
        description="For whoever chooses between templates (optional)"
        autosize
        value={description}
        onChange={({ currentTarget }) => setDescription(currentTarget.value)}
      />
      <ol className={classes.milestones}>
        {milestones.map((milestone, place) => (
          <li key={milestone.key} className={`panel ${classes.milestone}`}>
            <MilestoneFields
              place={place}
              last={place === milestones.length - 1}
              value={milestone}
              onChange={(changed) => change(place, changed)}
              onRemove={milestones.length > 1 ? () => setMilestones(milestones.toSpliced(place, 1)) : undefined}
            />
          </li>
        ))}
      </ol>
      <div>
        <Button
          size="xs"
          variant="default"
          onClick={() =>
            setMilestones([
              ...milestones,
              {
                key: Math.max(...milestones.map(({ key }) => key)) + 1,
                name: '',
                strategies: [share(10)],
                progression: null,
              },
            ])
          }
        >
          Add a milestone
        </Button>
      </div>
      <Section title="A plan that is made of it">
        <TemplateSteps milestones={body.milestones} />
      </Section>
    </Stack>
  )
}

function MilestoneFields({
  place,
  last,
  value,
  onChange,
  onRemove,
}: {
  place: number
  last: boolean
  value: MilestoneDraft
  onChange: (changed: Partial<MilestoneDraft>) => void
  onRemove: (() => void) | undefined
}) {
  const { name, strategies, progression } = value
  return (
    <Stack gap="xs">
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <TextInput
          size="xs"
          flex={1}
          label={`Milestone ${place + 1}`}
          maxLength={200}
          value={name}
          onChange={({ currentTarget }) => onChange({ name: currentTarget.value })}
        />
        <Button size="xs" variant="subtle" color="gray" disabled={!onRemove} onClick={onRemove}>
          Remove
        </Button>
      </Group>
      {strategies.map((strategy, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a strategy is its place
        <details key={at} className={classes.strategy}>
          <summary>
            {strategy.title ?? served(strategy)} <span className="quiet">{narrowed(strategy)}</span>
          </summary>
          <Stack gap="sm" mt="xs">
            <StrategyFields
              draft={strategy}
              change={(changed) => onChange({ strategies: strategies.with(at, { ...strategy, ...changed }) })}
            />
            {strategies.length > 1 && (
              <div>
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => onChange({ strategies: strategies.toSpliced(at, 1) })}
                >
                  Remove the strategy
                </Button>
              </div>
            )}
          </Stack>
        </details>
      ))}
      <div>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => onChange({ strategies: [...strategies, share(10)] })}
        >
          Add a strategy
        </Button>
      </div>
      {last ? (
        <Text size="xs" className="quiet">
          The last one: users keep it.
        </Text>
      ) : (
        <ProgressionFields value={progression} onChange={(changed) => onChange({ progression: changed })} />
      )}
    </Stack>
  )
}

function bodyOf(name: string, description: string, milestones: MilestoneDraft[]): TemplateBody {
  const last = milestones.length - 1
  return {
    name: name.trim(),
    description: description.trim(),
    milestones: milestones.map(({ name: named, strategies, progression }, place) => ({
      name: named.trim(),
      strategies,
      progression: place === last ? null : progression,
    })),
  }
}

function whyNot({ name, milestones }: TemplateBody): string | undefined {
  if (name === '') return 'The template needs a name.'
  const nameless = milestones.findIndex((milestone) => milestone.name === '')
  if (nameless !== -1) return `Milestone ${nameless + 1} needs a name.`
}
