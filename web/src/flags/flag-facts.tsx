import type { ReactNode } from 'react'
import type { schemas } from '../api/schema.ts'
import { Status } from '../components/status.tsx'
import { When } from '../components/when.tsx'
import classes from './flag-page.module.css'

/** What the flag is now. */
export function FlagFacts({ flag }: { flag: schemas['Flag'] }) {
  const { archivedAt, enabled, rolloutPercentage, variants, dependencies, revision, updatedAt, environment } = flag
  const weights = variants.reduce((sum, { weight }) => sum + weight, 0)
  const share = (weight: number) => `${weights === 0 ? 0 : Math.round((weight * 1000) / weights) / 10} %`
  return (
    <dl className={`panel figure ${classes.facts}`} aria-label="What it is now">
      <Fact name={`In ${environment}`}>
        <Status of={archivedAt ? 'archived' : enabled ? 'on' : 'off'} />
      </Fact>
      <Fact name="Rollout">{rolloutPercentage} %</Fact>
      <Fact name="Variants">
        {variants.length === 0 ? 'None' : variants.map(({ name, weight }) => `${name} ${share(weight)}`).join(', ')}
      </Fact>
      <Fact name="Depends on">
        {dependencies.length === 0
          ? 'Nothing'
          : dependencies.map(({ flagKey, enabled }) => `${flagKey} ${enabled ? 'on' : 'off'}`).join(', ')}
      </Fact>
      <Fact name="Revision">{revision}</Fact>
      <Fact name={archivedAt ? 'Archived' : 'Changed'}>
        <When at={archivedAt ?? updatedAt} />
      </Fact>
    </dl>
  )
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
