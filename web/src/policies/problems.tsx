import { Alert, Anchor, List } from '@mantine/core'
import { type FieldProblem, lineOf, locate } from './document-text.ts'

/** What is wrong with a document, by field; a click goes to its line. */
export function Problems({
  problems,
  text,
  show,
}: {
  problems: FieldProblem[]
  text: string
  show: (at: number) => void
}) {
  if (problems.length === 0) return null
  return (
    <Alert color="red" variant="outline" title="The document cannot be used" role="alert">
      <List size="sm">
        {problems.map(({ field, message }) => {
          const at = locate(text, field.replace(/^document\.?/, ''))
          return (
            <List.Item key={`${field} ${message}`}>
              <Anchor component="button" type="button" size="sm" className="mono" onClick={() => show(at)}>
                {field}
              </Anchor>{' '}
              {message} <span className="quiet figure">(line {lineOf(text, at)})</span>
            </List.Item>
          )
        })}
      </List>
    </Alert>
  )
}
