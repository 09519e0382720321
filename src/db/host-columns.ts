// SQL for what a host is to placement and to people, made of what its agent says and what operators want. `h` is `hosts`.

/** As the contract's HostState: whether the host is there goes before what operators want of it. */
export const hostState = "CASE WHEN h.state = 'active' AND h.availability <> 'open' THEN h.availability ELSE h.state END";

/** A host that gets new tasks. */
export const takesTasks = "h.state = 'active' AND h.availability = 'open'";

export const hostZone = "coalesce(h.zone, h.attributes->>'zone', 'default')";

/** Zone and pool are among them, so that constraints can name them. */
export const hostAttributes = `h.attributes || h.operator_attributes || jsonb_build_object('zone', ${hostZone}, 'pool', h.pool)`;
