import { useWorkflowUrl } from '../api/session.ts'
import { Icon } from '../shell/icons.tsx'
import classes from './temporal-link.module.css'

/** To a workflow in the Temporal Web UI; only its id where nobody has said where that is. */
export function TemporalLink({ workflowId, children }: { workflowId: string; children?: string }) {
  const url = useWorkflowUrl()(workflowId)
  if (!url) return <span className="mono">{workflowId}</span>
  return (
    <a href={url} target="_blank" rel="noreferrer" className={classes.link}>
      {children ?? 'Workflow'} <Icon name="external" />
    </a>
  )
}
