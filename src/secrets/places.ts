// What a sealed value belongs to: it can be opened for nothing else.
export function placeOfSecret(secretId: string, version: number): string {
  return `secret/${secretId}/${version}`;
}

export function placeOfWebhook(budgetId: string): string {
  return `webhook/${budgetId}`;
}

export function placeOfApiKey(keyId: string): string {
  return `api-key/${keyId}`;
}
