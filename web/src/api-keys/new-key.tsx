import { Button, CopyButton, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { Notice } from '../components/notice.tsx'
import classes from '../flags/fields.module.css'
import { TimeInput } from '../flags/time-input.tsx'
import { readWallClock } from '../flags/wall-clock.ts'
import { useEnvironment } from '../shell/address.ts'

const EMPTY = { name: '', expires: '' }

/** Makes a key, and shows it: the only time that anybody sees it. */
export function NewKey() {
  const environment = useEnvironment()
  const [draft, setDraft] = useState(EMPTY)
  const [made, setMade] = useState<schemas['CreatedApiKey']>()
  const change = (changed: Partial<typeof EMPTY>) => setDraft({ ...draft, ...changed })
  return (
    <>
      <ConfirmButton
        label="Make a key"
        title={`Make a key of ${environment}`}
        variant="filled"
        onOpen={() => setDraft(EMPTY)}
        run={async ({ reason, key }) => {
          const expiresAt = readWallClock(draft.expires)?.at.toISOString()
          const { data } = await client.POST('/api/admin/api-keys', {
            params: { query: { reason }, header: { 'idempotency-key': key } },
            body: { name: draft.name, environment, ...(expiresAt && { expiresAt }) },
          })
          setMade(data)
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="For"
            description="The application that will send it"
            placeholder="shop"
            maxLength={200}
            required
            withAsterisk={false}
            data-autofocus
            value={draft.name}
            onChange={({ currentTarget }) => change({ name: currentTarget.value })}
          />
          <TimeInput
            label="Expires (never when empty)"
            value={draft.expires}
            onChange={(expires) => change({ expires })}
          />
          <Text size="sm">It reads all flags of {environment}. It is shown once, when it is made.</Text>
        </Stack>
      </ConfirmButton>
      <Modal
        opened={made !== undefined}
        onClose={() => setMade(undefined)}
        title={`The key of ${made?.name}`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
        styles={{ title: { fontWeight: 600 } }}
      >
        {made && <Shown apiKey={made} close={() => setMade(undefined)} />}
      </Modal>
    </>
  )
}

function Shown({ apiKey: { key }, close }: { apiKey: schemas['CreatedApiKey']; close: () => void }) {
  if (key === null) {
    return (
      <Notice title="It was made, and shown to nobody">
        The answer that had it was lost on its way. Revoke this one and make another.
      </Notice>
    )
  }
  return (
    <Stack gap="sm">
      <Text size="sm">Copy it now: only its hash is kept, and nobody can show it again.</Text>
      <code className={`mono ${classes.secret}`}>{key}</code>
      <Text size="xs" className="quiet">
        Applications send it as <span className="mono">Authorization: Bearer …</span> or{' '}
        <span className="mono">X-API-Key</span>.
      </Text>
      <Group justify="flex-end" gap="xs">
        <CopyButton value={key}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
        <Button onClick={close}>I have it</Button>
      </Group>
    </Stack>
  )
}
