import type { EvaluationContext } from './model.ts'

/**
 * The context of a request: its fields and those of its `properties`, of which a field of its own wins. `targetingKey`, as
 * OpenFeature calls it, is also the `userId` when there is none. Numbers and booleans become text; null is the same as
 * missing, and so are lists and objects, which no constraint can be about.
 */
export function contextOf(sent: Readonly<Record<string, unknown>>): EvaluationContext {
  const context = new Map<string, string>()
  const { properties, targetingKey } = sent
  if (typeof properties === 'object' && properties !== null) addFields(context, properties)
  addFields(context, sent)
  if (!context.get('userId') && typeof targetingKey === 'string') context.set('userId', targetingKey)
  return context
}

function addFields(context: Map<string, string>, fields: object): void {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') context.set(name, value)
    else if (typeof value === 'number' || typeof value === 'boolean') context.set(name, String(value))
  }
}
