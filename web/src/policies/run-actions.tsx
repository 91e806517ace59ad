import { Group, NumberInput, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton, type Confirmed } from '../components/confirm-button.tsx'

type Run = schemas['PolicyRun']

const count = (items: number) => items.toLocaleString('en')

function paramsOf({ runId }: Run, { reason, key }: Confirmed) {
  return { path: { runId }, query: { reason }, header: { 'idempotency-key': key } }
}

export function Promote({ run }: { run: Run }) {
  const { targetPolicyVersion: version, readyToPromote, blockingReasons } = run
  const [most, setMost] = useState<string | number>('')
  const maxRegressions = most === '' ? undefined : Number(most)
  return (
    <ConfirmButton
      variant="filled"
      label="Promote"
      title={`Promote version ${version}?`}
      blocked={readyToPromote ? undefined : `Not yet: ${blockingReasons.join('; ')}.`}
      run={(confirmed) =>
        client.POST('/api/admin/catalog-policy-runs/{runId}/promote', {
          params: paramsOf(run, confirmed),
          body: { maxRegressions },
        })
      }
    >
      <Stack gap="sm">
        <Consequences run={run} />
        <NumberInput
          label="Items that may disappear at most"
          description="Counted anew before it is promoted (optional)"
          value={most}
          onChange={setMost}
          min={0}
          allowDecimal={false}
        />
      </Stack>
    </ConfirmButton>
  )
}

function Consequences({ run: { runId, targetPolicyVersion: version } }: { run: Run }) {
  const path = '/api/admin/catalog-policy-runs/{runId}/diff'
  const { data: diff } = useRead(path, { path: { runId }, query: { limit: 50 } })
  return (
    <Text size="sm">
      Version {version} becomes what the public sees, in one instant
      {diff?.baseVersion != null && `, in place of version ${diff.baseVersion}`}.{' '}
      {diff && (
        <b>
          Of {count(diff.items)} items, {count(diff.regressions)} disappear and {count(diff.improvements)} appear.
        </b>
      )}{' '}
      {diff?.baseVersion != null && 'You can go back for 24 hours, as fast.'}
    </Text>
  )
}

export function CancelRun({ run }: { run: Run }) {
  const { kind, processed, targetPolicyVersion: version } = run
  return (
    <ConfirmButton
      danger
      label="Cancel"
      title="Cancel the run?"
      run={(confirmed) =>
        client.POST('/api/admin/catalog-policy-runs/{runId}/cancel', { params: paramsOf(run, confirmed) })
      }
    >
      <Text size="sm">
        It ends for good. What the public sees does not change.{' '}
        {kind === 'rollback'
          ? `Version ${version} can still be gone back to.`
          : `The evaluations of ${count(processed)} items are of no use any more: version ${version} would have to be prepared from the start.`}
      </Text>
    </ConfirmButton>
  )
}

export function ResumeRun({ run }: { run: Run }) {
  const { processed, handedOver, totalReadySnapshot, targetPolicyVersion: version } = run
  const left = (totalReadySnapshot ?? 0) - processed - handedOver
  return (
    <ConfirmButton
      label="Resume"
      title="Resume the run?"
      run={(confirmed) =>
        client.POST('/api/admin/catalog-policy-runs/{runId}/resume', { params: paramsOf(run, confirmed) })
      }
    >
      <Text size="sm">
        {totalReadySnapshot === null
          ? `Version ${version} is evaluated from the start.`
          : `It goes on with the ${count(left)} items that are left of ${count(totalReadySnapshot)}; from the start if it failed more than 24 hours ago, or if version ${version} was prepared again since.`}{' '}
        What the public sees does not change.
      </Text>
    </ConfirmButton>
  )
}

export function Pace({ run }: { run: Run }) {
  const [batchSize, setBatchSize] = useState<string | number>(run.batchSize)
  const [delayMs, setDelayMs] = useState<string | number>(run.delayMs)
  const left = (run.totalReadySnapshot ?? 0) - run.processed - run.handedOver
  return (
    <ConfirmButton
      label="Pace"
      title="Change the pace of the run?"
      run={(confirmed) =>
        client.PATCH('/api/admin/catalog-policy-runs/{runId}', {
          params: paramsOf(run, confirmed),
          body: { batchSize: Number(batchSize), delayMs: Number(delayMs) },
        })
      }
    >
      <Stack gap="sm">
        <Text size="sm">
          Within about five seconds, the {run.totalReadySnapshot === null ? '' : `${count(left)} `}items that are left
          are evaluated at this pace. A longer pause leaves writers of items more room.
        </Text>
        <Group grow gap="xs" align="flex-end">
          <NumberInput label="Items a batch" value={batchSize} onChange={setBatchSize} min={1} max={10_000} />
          <NumberInput label="Pause (ms)" value={delayMs} onChange={setDelayMs} min={0} max={10_000} />
        </Group>
      </Stack>
    </ConfirmButton>
  )
}
