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

interface Confirmation {
  /** A verb: `Cancel the schedule`; also that of the button that confirms. */
  label: string
  /** What will happen, to what and how many of it, and whether it can be taken back; or a form. */
  children: ReactNode
  run: (confirmed: Confirmed) => Promise<unknown>
  danger?: boolean | undefined
  /** false: it changes nothing, so the audit trail has no place for a reason. */
  recorded?: boolean | undefined
}

/** `wide`: for a form of many fields, which a click beside it does not close. */
type Width = { wide?: boolean | undefined }

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
  danger,
  recorded,
  wide,
  onOpen,
  ...button
}: Confirmation &
  Width & {
    title?: string
    blocked?: string | undefined
    /** A form begins anew. */
    onOpen?: () => void
  } & Pick<ButtonProps, 'size' | 'variant'>) {
  const readOnly = useReadOnly()
  const why = readOnly ?? blocked
  const [opened, { open, close }] = useDisclosure()
  const begin = () => {
    onOpen?.()
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
      <ConfirmDialog opened={opened} close={close} title={title} {...{ label, run, danger, recorded, wide }}>
        {children}
      </ConfirmDialog>
    </>
  )
}

/** The dialog of a change: says what it will do before it is done, and what the API refuses. For a button, `<ConfirmButton>`. */
export function ConfirmDialog({
  opened,
  close,
  title,
  wide = false,
  ...confirmation
}: Confirmation & Width & { opened: boolean; close: () => void; title: string }) {
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={title}
      size={wide ? '52rem' : 'md'}
      closeOnClickOutside={!wide}
      closeButtonProps={{ 'aria-label': 'Close' }}
      styles={{ title: { fontWeight: 600 } }}
    >
      <Form close={close} {...confirmation} />
    </Modal>
  )
}

// Of its own, so that reason and key are new each time it is opened.
function Form({ close, label, children, run, danger = false, recorded = true }: Confirmation & { close: () => void }) {
  const [reason, setReason] = useState('')
  const [key] = useState(newIdempotencyKey)
  const mutation = useMutation({
    mutationFn: () => run({ reason: reason.trim() || undefined, key }),
    onSuccess: async () => {
      close()
      await queryClient.invalidateQueries()
    },
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        mutation.mutate()
      }}
    >
      <Stack gap="md">
        <div>{children}</div>
        {recorded && <ReasonInput value={reason} onChange={setReason} />}
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
  )
}
