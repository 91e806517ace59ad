import { Group, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { client } from '../api/client.ts'
import type { schemas } from '../api/schema.ts'
import { useReadOnly } from '../api/session.ts'
import { BeforeAfter } from '../components/before-after.tsx'
import { ConfirmButton } from '../components/confirm-button.tsx'
import { parseDocument } from './document-text.ts'
import classes from './policies.module.css'
import { Preview, usePreview } from './preview.tsx'
import { Problems } from './problems.tsx'

const PREVIEW_AFTER_MS = 400

/** Writes the next version: its document, what the API refuses in it, and what it would say of a sample. */
export function DocumentEditor({ from: live, document }: { from?: schemas['CatalogPolicy']; document?: object }) {
  // What was begun with stays, also when another version is promoted meanwhile.
  const [from] = useState(live)
  const [begun] = useState(() => withoutAsOf(from?.document ?? document ?? {}))
  const [name, setName] = useState('')
  const [text, setText] = useState(() => JSON.stringify(begun, null, 2))
  const [settled] = useDebouncedValue(text, PREVIEW_AFTER_MS)
  const area = useRef<HTMLTextAreaElement>(null)
  const navigate = useNavigate()
  const readOnly = useReadOnly()
  const parsed = parseDocument(text)
  const preview = usePreview(parseDocument(settled).document, !readOnly)
  const { fields = [] } = preview.error ?? {}
  const problems = parsed.problem ? [parsed.problem] : fields

  const show = (at: number) => {
    area.current?.focus()
    area.current?.setSelectionRange(at, at)
  }

  return (
    <div className={classes.editor}>
      <Stack gap="sm">
        <Group align="flex-end" gap="xs" wrap="nowrap">
          <TextInput
            flex={1}
            label="Name"
            description="What people call it"
            maxLength={200}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          <ConfirmButton
            variant="filled"
            label="Create version"
            title="Create the next version?"
            blocked={whyNot(name, problems.length)}
            run={async ({ reason, key }) => {
              await client.POST('/api/admin/catalog-policies', {
                params: { query: { reason }, header: { 'idempotency-key': key } },
                body: { name: name.trim(), document: parsed.document as { rules: unknown } },
              })
              await navigate({ to: '/policies', search: ({ env }) => ({ env }) })
            }}
          >
            <Stack gap="sm">
              <Text size="sm">
                No item changes for the public: nobody sees the version before it is prepared and promoted. Its document
                cannot be changed any more.
              </Text>
              {from && <BeforeAfter before={begun} after={parsed.document} />}
            </Stack>
          </ConfirmButton>
        </Group>
        <Textarea
          ref={area}
          label="Document"
          description={
            from
              ? `Begun with version ${from.version}, ${from.name}; its asOf is left out, so that relative dates count from now`
              : 'Rules say why an item is not shown; relevance is a formula'
          }
          classNames={{ input: classes.document }}
          spellCheck={false}
          autosize
          minRows={16}
          maxRows={32}
          error={problems.length > 0}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        />
      </Stack>
      {problems.length > 0 ? (
        <Problems problems={problems} text={text} show={show} />
      ) : (
        <Preview preview={preview} readOnly={readOnly} />
      )}
    </div>
  )
}

function whyNot(name: string, problems: number): string | undefined {
  if (problems > 0) return 'The document has problems; they are named beside it.'
  if (name.trim() === '') return 'The version needs a name.'
  return undefined
}

/** A copy whose relative dates count from its own creation: a window that moves is why versions are made anew. */
function withoutAsOf({ asOf: _, ...document }: { asOf?: unknown }): object {
  return document
}
