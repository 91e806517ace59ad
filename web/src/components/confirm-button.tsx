import { Button, type ButtonProps, Group, Modal, Stack, Tooltip } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { newIdempotencyKey } from '../api/client.ts'
import { queryClient } from '../api/queries.ts'
import { useReadOnly } from '../api/session.ts'
import { ErrorPanel } from './error-panel.tsx'
import { ReasonInput } from './reason-input.tsx'

/** What a confirmed change goes with. */
export interface Confirmed {
  /** For the audit trail; undefined when the user gave none. */
  reason: string | undefined
  /** For `Idempotency-Key`: the same until the dialog is closed, so that trying again cannot do it twice. */
  key: string
}

/**
 * A change: a button, and a dialog that says what it will do before it is done. What the API refuses is shown in the dialog.
 * Disabled for viewers, and while `blocked` says why.
 */
export function ConfirmButton({
  label,
  title = `${label}?`,
  children,
  run,
  blocked,
  danger = false,
  ...button
}: {
  /** A verb: `Cancel the schedule`; also that of the button that confirms. */
  label: string
  title?: string
  /** What will happen, to what and how many of it, and whether it can be taken back; or a form. */
  children: ReactNode
  run: (confirmed: Confirmed) => Promise<unknown>
  blocked?: string | undefined
  danger?: boolean
} & Pick<ButtonProps, 'size' | 'variant'>) {
  const readOnly = useReadOnly()
  const why = readOnly ?? blocked
  const [opened, { open, close }] = useDisclosure()
  const [reason, setReason] = useState('')
  const [key, setKey] = useState('')
  const mutation = useMutation({
    mutationFn: () => run({ reason: reason.trim() || undefined, key }),
    onSuccess: async () => {
      close()
      await queryClient.invalidateQueries()
    },
  })
  const begin = () => {
    setKey(newIdempotencyKey())
    setReason('')
    mutation.reset()
    open()
  }
  return (
    <>
      <Tooltip label={why} disabled={!why} multiline maw={280} events={{ hover: true, focus: true, touch: true }}>
        {/* Not `disabled`: what is disabled has no focus, and so no way to tell why. */}
        <Button
          size="xs"
          variant="default"
          {...button}
          data-disabled={why ? true : undefined}
          aria-disabled={why ? true : undefined}
          aria-description={why}
          onClick={why ? undefined : begin}
        >
          {label}
        </Button>
      </Tooltip>
      <Modal
        opened={opened}
        onClose={close}
        title={title}
        closeButtonProps={{ 'aria-label': 'Close' }}
        styles={{ title: { fontWeight: 600 } }}
      >
        <form
          onSubmit={(event) => {
            event.preventDefault()
            mutation.mutate()
          }}
        >
          <Stack gap="md">
            <div>{children}</div>
            <ReasonInput value={reason} onChange={setReason} />
            {mutation.error && <ErrorPanel error={mutation.error} />}
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={close}>
                Leave it
              </Button>
              <Button type="submit" loading={mutation.isPending} color={danger ? 'red.9' : undefined}>
                {label}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  )
}
