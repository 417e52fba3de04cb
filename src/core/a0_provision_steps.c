
/*
 * All steps and sagas.  Adding one is adding a row.
 */

#include "a0_provision_int.h"


#define A0_M(name)  A0_METHOD_ ## name
#define A0_P(name)  A0_PROBLEM_ ## name

/* What 400 means where the row says nothing better. */

#define A0_BAD      A0_PROBLEM_IDP_REJECTED


static const a0_step_t  a0_steps[A0_STEP_N] = {

    [A0_STEP_USER_GET] = {
        "user_get", A0_M(GET), 0, A0_P(USER_UNKNOWN), A0_BAD, 0, 0,
        a0_uri_user, NULL, a0_take_user },

    [A0_STEP_USER_FIND] = {
        "user_get", A0_M(GET), 0, A0_P(USER_NOT_FOUND), A0_BAD, 0, 0,
        a0_uri_user, NULL, a0_take_user_found },

    [A0_STEP_USERS_BY_EMAIL] = {
        "users_by_email", A0_M(GET), 0, A0_P(USER_NOT_FOUND), A0_BAD, 0, 0,
        a0_uri_users_by_email, NULL, a0_take_users },

    [A0_STEP_USER_CREATE] = {
        "user_create", A0_M(POST), A0_CALL_SECRET | A0_CALL_QUIET,
        A0_P(IDP_REJECTED), A0_BAD, A0_STEP_USER_CREATED, 0,
        a0_uri_users, a0_body_user_create, a0_take_user_made },

    [A0_STEP_USER_CREATED] = {
        "users_by_email", A0_M(GET), 0, A0_P(IDP_REJECTED), A0_BAD, 0, 0,
        a0_uri_users_by_email, NULL, a0_take_user_there },

    [A0_STEP_ORGS_SELECT] = {
        "user_organizations", A0_M(GET), 0, A0_P(USER_UNKNOWN), A0_BAD, 0, 0,
        a0_uri_user_orgs, NULL, a0_take_orgs_select },

    [A0_STEP_ORGS_MEMBER] = {
        "user_organizations", A0_M(GET), 0, A0_P(USER_UNKNOWN), A0_BAD, 0, 0,
        a0_uri_user_orgs, NULL, a0_take_orgs_member },

    [A0_STEP_ORGS_ADOPT] = {
        "user_organizations", A0_M(GET), 0, A0_P(USER_NOT_FOUND), A0_BAD,
        0, 0, a0_uri_user_orgs, NULL, a0_take_orgs_adopt },

    [A0_STEP_ORG_CREATE] = {
        "organization_create", A0_M(POST), A0_CALL_REPOST,
        A0_P(IDP_REJECTED), A0_BAD, A0_STEP_ORG_BY_NAME, 0,
        a0_uri_orgs, a0_body_org, a0_take_org_made },

    [A0_STEP_ORG_BY_NAME] = {
        "organization_by_name", A0_M(GET), 0, A0_MISSING_TAKE, A0_BAD, 0, 0,
        a0_uri_org_by_name, NULL, a0_take_org_there },

    [A0_STEP_MEMBER_ADD] = {
        "member_add", A0_M(POST), A0_CALL_NO_BODY, A0_P(USER_NOT_FOUND),
        A0_P(USER_NOT_FOUND), 0, 0,
        a0_uri_members, a0_body_members, a0_take_done },

    [A0_STEP_USER_UPDATE] = {
        "user_update", A0_M(PATCH), A0_CALL_NO_BODY, A0_P(USER_NOT_FOUND),
        A0_BAD, 0, 0,
        a0_uri_user_update, a0_body_user_update, a0_take_done },

    [A0_STEP_QUOTA] = {
        "org_grant_list", A0_M(GET), 0, A0_P(ORGANIZATION_GONE), A0_BAD, 0, 0,
        a0_uri_org_grant_list, NULL, a0_take_quota },

    [A0_STEP_CLIENT_GET] = {
        "client_get", A0_M(GET), 0, A0_MISSING_TAKE, A0_BAD, 0, 0,
        a0_uri_target, NULL, a0_take_target },

    [A0_STEP_CLIENT_SCOPE] = {
        "grant_list", A0_M(GET), 0, A0_P(KEY_NOT_FOUND), A0_BAD, 0, 0,
        a0_uri_grant_target, NULL, a0_take_target_scope },

    [A0_STEP_CLIENT_CREATE] = {
        "client_create", A0_M(POST), A0_CALL_CREATES | A0_CALL_SECRET,
        A0_P(IDP_REJECTED), A0_BAD, A0_STEP_CLIENT_FIND,
        A0_STEP_CLIENT_RECOVER,
        a0_uri_clients, a0_body_client, a0_take_client_made },

    [A0_STEP_CLIENT_FIND] = {
        "client_list", A0_M(GET), 0, A0_P(IDP_REJECTED), A0_BAD, 0, 0,
        a0_uri_client_search, NULL, a0_take_client_there },

    [A0_STEP_CLIENT_RECOVER] = {
        "client_rotate", A0_M(POST), A0_CALL_SECRET, A0_P(IDP_REJECTED),
        A0_BAD, 0, 0, a0_uri_made_rotate, NULL, a0_take_secret },

    [A0_STEP_GRANT_CREATE] = {
        "grant_create", A0_M(POST), 0, A0_P(IDP_REJECTED), A0_BAD,
        A0_STEP_GRANT_FIND, 0,
        a0_uri_grants, a0_body_grant, a0_take_grant_made },

    [A0_STEP_GRANT_FIND] = {
        "grant_list", A0_M(GET), 0, A0_P(IDP_REJECTED), A0_BAD, 0, 0,
        a0_uri_grant_find, NULL, a0_take_grant_there },

    [A0_STEP_ORG_GRANT_ADD] = {
        "org_grant_add", A0_M(POST), 0, A0_P(ORGANIZATION_GONE), A0_BAD,
        A0_STEP_ORG_GRANT_FIND, 0,
        a0_uri_org_grants, a0_body_org_grant, a0_take_org_grant_added },

    [A0_STEP_ORG_GRANT_FIND] = {
        "org_grant_list", A0_M(GET), 0, A0_P(ORGANIZATION_GONE), A0_BAD, 0, 0,
        a0_uri_org_grant_find, NULL, a0_take_org_grant_there },

    [A0_STEP_CLIENT_ROTATE] = {
        "client_rotate", A0_M(POST), A0_CALL_SECRET, A0_P(KEY_NOT_FOUND),
        A0_BAD, 0, 0, a0_uri_target_rotate, NULL, a0_take_secret },

    [A0_STEP_CLIENT_DELETE] = {
        "client_delete", A0_M(DELETE), A0_CALL_NO_BODY, A0_MISSING_TAKE,
        A0_BAD, 0, 0, a0_uri_target_delete, NULL, a0_take_done },

    [A0_STEP_CLIENT_UNDO] = {
        "client_delete", A0_M(DELETE), A0_CALL_NO_BODY, A0_MISSING_TAKE,
        A0_BAD, 0, 0, a0_uri_made_delete, NULL, a0_take_done },

    [A0_STEP_LIST_GRANTS] = {
        "org_grant_list", A0_M(GET), 0, A0_P(ORGANIZATION_GONE), A0_BAD, 0, 0,
        a0_uri_org_grant_list, NULL, a0_take_list_grants },

    [A0_STEP_LIST_CLIENTS] = {
        "client_list", A0_M(GET), A0_CALL_OPTIONAL, A0_P(IDP_REJECTED),
        A0_BAD, 0, 0, a0_uri_client_query, NULL, a0_take_list_clients },

    [A0_STEP_LIST_ONE] = {
        "client_get", A0_M(GET), 0, A0_MISSING_TAKE, A0_BAD, 0, 0,
        a0_uri_list_one, NULL, a0_take_list_one },

    [A0_STEP_CLEAN_GET] = {
        "client_get", A0_M(GET), 0, A0_MISSING_TAKE, A0_BAD, 0, 0,
        a0_uri_target, NULL, a0_take_clean_get },

    [A0_STEP_CLEAN_FIND] = {
        "client_list", A0_M(GET), 0, A0_P(IDP_REJECTED), A0_BAD, 0, 0,
        a0_uri_client_search, NULL, a0_take_clean_find },

    [A0_STEP_CLEAN_DELETE] = {
        "client_delete", A0_M(DELETE), A0_CALL_NO_BODY, A0_MISSING_TAKE,
        A0_BAD, 0, 0, a0_uri_target_delete, NULL, a0_take_done }
};


static int
a0_skip_unlimited(const a0_provision_t *p)
{
    return p->conf->max_keys == 0;
}


static int
a0_skip_sub(const a0_provision_t *p)
{
    return p->sub.len == 0;
}


static int
a0_skip_email(const a0_provision_t *p)
{
    return p->sub.len != 0;
}


static int
a0_skip_user(const a0_provision_t *p)
{
    return p->user_id.len != 0;
}


static int
a0_skip_org(const a0_provision_t *p)
{
    return p->org_id.len != 0;
}


static int
a0_skip_member(const a0_provision_t *p)
{
    return p->member;
}


static int
a0_skip_update(const a0_provision_t *p)
{
    return p->user_done;
}


static int
a0_skip_no_keys(const a0_provision_t *p)
{
    return p->nkeys == 0;
}


static int
a0_skip_known(const a0_provision_t *p)
{
    return a0_list_unknown(p) == NULL;
}


static const a0_stage_t  a0_create_stages[] = {
    { A0_STEP_USER_GET, NULL },
    { A0_STEP_ORGS_SELECT, NULL },
    { A0_STEP_QUOTA, a0_skip_unlimited },
    { A0_STEP_CLIENT_CREATE, NULL },
    { A0_STEP_GRANT_CREATE, NULL },
    { A0_STEP_ORG_GRANT_ADD, NULL },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_list_stages[] = {
    { A0_STEP_USER_GET, NULL },
    { A0_STEP_ORGS_SELECT, NULL },
    { A0_STEP_LIST_GRANTS, NULL },
    { A0_STEP_LIST_CLIENTS, a0_skip_no_keys },
    { A0_STEP_LIST_ONE, a0_skip_known },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_overlap_stages[] = {
    { A0_STEP_USER_GET, NULL },
    { A0_STEP_CLIENT_GET, NULL },
    { A0_STEP_ORGS_MEMBER, NULL },
    { A0_STEP_QUOTA, a0_skip_unlimited },
    { A0_STEP_CLIENT_SCOPE, NULL },
    { A0_STEP_CLIENT_CREATE, NULL },
    { A0_STEP_GRANT_CREATE, NULL },
    { A0_STEP_ORG_GRANT_ADD, NULL },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_secret_stages[] = {
    { A0_STEP_USER_GET, NULL },
    { A0_STEP_CLIENT_GET, NULL },
    { A0_STEP_ORGS_MEMBER, NULL },
    { A0_STEP_CLIENT_ROTATE, NULL },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_revoke_stages[] = {
    { A0_STEP_USER_GET, NULL },
    { A0_STEP_CLIENT_GET, NULL },
    { A0_STEP_ORGS_MEMBER, NULL },
    { A0_STEP_CLIENT_DELETE, NULL },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_user_stages[] = {
    { A0_STEP_USER_FIND, a0_skip_sub },
    { A0_STEP_USERS_BY_EMAIL, a0_skip_email },
    { A0_STEP_USER_CREATE, a0_skip_user },
    { A0_STEP_ORGS_ADOPT, NULL },
    { A0_STEP_ORG_CREATE, a0_skip_org },
    { A0_STEP_MEMBER_ADD, a0_skip_member },
    { A0_STEP_USER_UPDATE, a0_skip_update },
    { A0_STEP_NONE, NULL }
};

static const a0_stage_t  a0_clean_client_stages[] = {
    { A0_STEP_CLEAN_GET, NULL },
    { A0_STEP_CLEAN_DELETE, NULL },
    { A0_STEP_NONE, NULL }
};

/* Found and deleted is "not clean": the next run looks whether it was all. */

static const a0_stage_t  a0_clean_req_stages[] = {
    { A0_STEP_CLEAN_FIND, NULL },
    { A0_STEP_CLEAN_DELETE, NULL },
    { A0_STEP_NONE, NULL }
};


static const a0_saga_t  a0_sagas[A0_OP_N] = {
    [A0_OP_CREATE_KEY] = { a0_create_stages, a0_answer_key, 1, 0, 0 },
    [A0_OP_KEY_LIST] = { a0_list_stages, a0_answer_list, 0, 0, 0 },
    [A0_OP_KEY_CREATE] = { a0_create_stages, a0_answer_created, 1, 0, 0 },
    [A0_OP_KEY_ROTATE] = { a0_overlap_stages, a0_answer_rotated, 1, 0, 0 },
    [A0_OP_KEY_REVOKE] = { a0_revoke_stages, a0_answer_revoked, 0, 1, 0 },
    [A0_OP_USER] = { a0_user_stages, a0_answer_user, 0, 1, 0 },
    [A0_OP_CLEAN_CLIENT] = { a0_clean_client_stages, NULL, 0, 1, 1 },
    [A0_OP_CLEAN_REQ] = { a0_clean_req_stages, NULL, 0, 1, 1 }
};


/* A new secret for a key that exists: rotation in place, or a replay. */

static const a0_saga_t  a0_secret_sagas[A0_OP_N] = {
    [A0_OP_CREATE_KEY] = { a0_secret_stages, a0_answer_key, 0, 0, 0 },
    [A0_OP_KEY_CREATE] = { a0_secret_stages, a0_answer_created, 0, 0, 0 },
    [A0_OP_KEY_ROTATE] = { a0_secret_stages, a0_answer_rotated, 0, 0, 0 }
};


const a0_step_t *
a0_step(unsigned step)
{
    return &a0_steps[step];
}


const a0_saga_t *
a0_saga(const a0_provision_t *p)
{
    if (p->in_place || p->replay) {
        return &a0_secret_sagas[p->op];
    }

    return &a0_sagas[p->op];
}
