import { NumberInput, Stack, Textarea } from '@mantine/core'
import { useRef, useState } from 'react'
import type { schemas } from '../api/schema.ts'
import { AsRead } from '../components/as-read.tsx'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { changedFields } from './changed-fields.ts'
import { DependencyFields } from './dependency-fields.tsx'
import { Effect } from './effect.tsx'
import { editFlag } from './flag-write.ts'
import { VariantFields } from './variant-fields.tsx'

type Flag = schemas['Flag']

const draftOf = ({ description, rolloutPercentage, variants, dependencies }: Flag) => ({
  description,
  rolloutPercentage,
  variants,
  dependencies,
})

/** Changes what the flag says of itself, at once. */
export function EditFlag({ flag }: { flag: Flag }) {
  const read = useRef(flag.revision)
  const before = draftOf(flag)
  const [draft, setDraft] = useState(before)
  const change = (changed: Partial<typeof draft>) => setDraft({ ...draft, ...changed })
  const { description, ...evaluated } = draft
  return (
    <ConfirmButton
      label="Edit"
      title={`Edit ${flag.key}`}
      wide
      onOpen={() => setDraft(before)}
      run={(confirmed) => editFlag(flag, read, changedFields(before, draft), confirmed)}
    >
      <Stack gap="md">
        <Textarea
          label="Description"
          autosize
          value={description}
          onChange={({ currentTarget: { value } }) => change({ description: value })}
        />
        <NumberInput
          label="Rollout"
          description={`Share of the users in ${flag.environment} that it is on for, while it is on`}
          suffix=" %"
          min={0}
          max={100}
          clampBehavior="strict"
          allowDecimal={false}
          value={draft.rolloutPercentage}
          onChange={(value) => typeof value === 'number' && change({ rolloutPercentage: value })}
        />
        <VariantFields
          variants={draft.variants}
          onChange={(variants) => change({ variants })}
          make={(named) => ({ ...named, overrides: [] })}
          description="Whom it is on for gets one of these, by weight."
        />
        <DependencyFields
          flag={flag}
          dependencies={draft.dependencies}
          onChange={(dependencies) => change({ dependencies })}
        />
        <BeforeAfter before={before} after={draft} />
        <Effect draft={evaluated} />
        <AsRead version={flag.revision} read={read} />
      </Stack>
    </ConfirmButton>
  )
}
