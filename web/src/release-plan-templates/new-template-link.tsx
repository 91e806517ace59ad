import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'

export function NewTemplateLink() {
  return (
    <Button size="xs" renderRoot={(props) => <Link to="/release-plan-templates/new" {...props} />}>
      Write a template
    </Button>
  )
}
