
/* Every row of what a policy may answer; the notation is unit_policy.h's. */

#include "unit_policy.h"


#define NOW      1000000
#define PROFILE  A0_CLAIMS_SUB | A0_CLAIMS_CLIENT_ID | A0_CLAIMS_IAT \
                 | A0_CLAIMS_JTI


/* ---- before the signature ---- */

static const struct {
    const char  *name;
    token_t      token;
    rules_t      rules;
    a0_err_t     want;
} selects[] = {
#define A(x)  .token.alg = x
#define I(x)  .token.iss = x
    { "RS256 by default", A(A0_ALG_RS256), .want = A0_OK },
    { "PS256 by default", A(A0_ALG_PS256), .want = A0_OK },
    { "B12 RS384 not allowed", A(A0_ALG_RS384),
      .want = A0_ERR_UNSUPPORTED_ALGORITHM },
    { "B12 ES256 not allowed", A(A0_ALG_ES256),
      .want = A0_ERR_UNSUPPORTED_ALGORITHM },
    { "B12 ES256 allowed", A(A0_ALG_ES256),
      .rules.algorithms = A0_ALG_ES256, .want = A0_OK },
    { "RS256 under ES256 only", A(A0_ALG_RS256),
      .rules.algorithms = A0_ALG_ES256,
      .want = A0_ERR_UNSUPPORTED_ALGORITHM },
    { "no bit at all", A(0x8000), .want = A0_ERR_UNSUPPORTED_ALGORITHM },
    { "B15 at+jwt demanded and absent", .rules.at_jwt = 1,
      .want = A0_ERR_WRONG_TYPE },
    { "B15 at+jwt demanded and present", .rules.at_jwt = 1,
      .token.flags = A0_CLAIMS_AT_JWT, .want = A0_OK },
    { "B14 at+jwt not demanded and present",
      .token.flags = A0_CLAIMS_AT_JWT, .want = A0_OK },
    { "order: algorithm before type and issuer", A(A0_ALG_ES384),
      I("x"), .rules.at_jwt = 1, .want = A0_ERR_UNSUPPORTED_ALGORITHM },
    { "order: type before issuer", I("x"), .rules.at_jwt = 1,
      .want = A0_ERR_WRONG_TYPE },
    { "E2 exact", I("https://a.example/"), .want = A0_OK },
    { "E2 no slash", I("https://a.example"), .want = A0_ERR_WRONG_ISSUER },
    { "E2 upper case", I("https://A.example/"),
      .want = A0_ERR_WRONG_ISSUER },
    { "E2 prefix", I("https://a.exa"), .want = A0_ERR_WRONG_ISSUER },
    { "E2 suffix", I("https://a.example/x"), .want = A0_ERR_WRONG_ISSUER },
    { "E2 http", I("http://a.example/"), .want = A0_ERR_WRONG_ISSUER },
    { "E2 punycode of it", I("https://xn--a.example/"),
      .want = A0_ERR_WRONG_ISSUER },
    { "E2 both, joined", I("https://z.example/|https://a.example/"),
      .want = A0_ERR_WRONG_ISSUER },
    { "E2 empty", I(""), .want = A0_ERR_WRONG_ISSUER },
    { "E2 empty, and an empty name among the issuers", I(""),
      .rules.issuers = "|https://a.example/", .want = A0_ERR_WRONG_ISSUER },
    { "E2 empty, and no issuer configured", I(""), .rules.issuers = "",
      .want = A0_ERR_WRONG_ISSUER },
#undef A
#undef I
};


static void
test_select(void)
{
    size_t        i, issuer;
    built_t       b;
    a0_claims_t  *claims;

    for (i = 0; i < sizeof(selects) / sizeof(selects[0]); i++) {
        unit_case("select: %s", selects[i].name);
        build(&b, &selects[i].rules);
        claims = claims_of(&selects[i].token);
        issuer = 77;
        CHECK_EQ_INT(a0_policy_select(&b.policy, claims, &issuer),
                     selects[i].want);
        CHECK_EQ_INT(issuer, selects[i].want == A0_OK ? 1 : 77);
        free(claims);
    }

    unit_case("select: E24 the first issuer is the first");
    build(&b, &(rules_t) { .issuers = "https://a.example/|https://b/" });
    claims = claims_of(&(token_t) { .iss = "https://a.example/" });
    CHECK_EQ_INT(a0_policy_select(&b.policy, claims, &issuer), A0_OK);
    CHECK_EQ_INT(issuer, 0);
    free(claims);
}


/* ---- after it ---- */

static const struct {
    const char  *name;
    token_t      token;
    rules_t      rules;
    int64_t      now;      /* 0: NOW */
    a0_err_t     want;
} checks[] = {
#define EXPIRED  .want = A0_ERR_EXPIRED
#define EARLY    .want = A0_ERR_NOT_YET_VALID
#define AUD(x)   .token.aud = x
#define NOT_AUD  .want = A0_ERR_WRONG_AUDIENCE
#define SCOPE(need, has)  .rules.scopes = need, .token.scope = has
#define NO_SCOPE .want = A0_ERR_INSUFFICIENT_SCOPE
#define PERM(need, has)   .rules.permissions = need, .token.permissions = has
#define NO_PERM  .want = A0_ERR_INSUFFICIENT_PERMISSION
#define NO_ORG   .want = A0_ERR_ORGANIZATION_NOT_ALLOWED
#define ONE_ORG  .rules.org = A0_ORG_LIST, .rules.orgs = "org_a|org_b"
#define NO_APP   .want = A0_ERR_CLIENT_NOT_ALLOWED
    { "plain", .want = A0_OK },

    { "E6 exp == now", .token.exp = NOW, EXPIRED },
    { "E6 exp == now + 1", .token.exp = NOW + 1, .want = A0_OK },
    { "E6 exp == now - 1", .token.exp = NOW - 1, EXPIRED },
    { "E6 leeway 5: exp == now - 4", .token.exp = NOW - 4,
      .rules.leeway = 5, .want = A0_OK },
    { "E6 leeway 5: exp == now - 5", .token.exp = NOW - 5,
      .rules.leeway = 5, EXPIRED },
    { "E6 leeway 300: exp == now - 299", .token.exp = NOW - 299,
      .rules.leeway = 300, .want = A0_OK },
    { "E6 leeway 300: exp == now - 300", .token.exp = NOW - 300,
      .rules.leeway = 300, EXPIRED },
    { "E10 exp in the year 9999", .token.exp = A0_DATE_MAX,
      .rules.leeway = 300, .want = A0_OK },
    { "E10 the year 9999 is over", .token.exp = A0_DATE_MAX,
      .rules.leeway = 300, .now = A0_DATE_MAX + 300, EXPIRED },
    { "exp 0 is long ago", .token.exp = -1, EXPIRED },
    { "clock at INT64_MAX", .now = INT64_MAX, .rules.leeway = 300, EXPIRED },

    { "E11 nbf == now", .token.nbf = NOW, .want = A0_OK },
    { "E11 nbf == now + 1", .token.nbf = NOW + 1, EARLY },
    { "E11 nbf past", .token.nbf = NOW - 1, .want = A0_OK },
    { "E11 leeway 5: nbf == now + 5", .token.nbf = NOW + 5,
      .rules.leeway = 5, .want = A0_OK },
    { "E11 leeway 5: nbf == now + 6", .token.nbf = NOW + 6,
      .rules.leeway = 5, EARLY },
    { "E11 nbf in the year 9999", .token.nbf = A0_DATE_MAX,
      .token.exp = A0_DATE_MAX, .rules.leeway = 300, EARLY },
    { "E12 iat == now", .token.iat = NOW, .want = A0_OK },
    { "E12 iat == now + 1", .token.iat = NOW + 1, EARLY },
    { "E12 leeway 5: iat == now + 5", .token.iat = NOW + 5,
      .rules.leeway = 5, .want = A0_OK },
    { "E12 leeway 5: iat == now + 6", .token.iat = NOW + 6,
      .rules.leeway = 5, EARLY },
    { "E13 a long life is not refused", .token.iat = 1,
      .token.exp = NOW + 31536000, .want = A0_OK },
    { "clock before the epoch", .now = -5, .token.iat = 1, EARLY },

    { "E4 string", AUD("https://api/"), .want = A0_OK },
    { "E4 first of the array", AUD("https://api/|x"), .want = A0_OK },
    { "E4 last of the array", AUD("x|y|https://api/"), .want = A0_OK },
    { "E4 another of the configured", AUD("https://other/"),
      .want = A0_OK },
    { "E4 without slash", AUD("https://api"), NOT_AUD },
    { "E4 one slash more", AUD("https://api//"), NOT_AUD },
    { "E4 upper case", AUD("https://API/"), NOT_AUD },
    { "E4 prefix", AUD("https://"), NOT_AUD },
    { "E4 suffix", AUD("https://api/v1"), NOT_AUD },
    { "E4 with a blank", AUD("https://api/ "), NOT_AUD },
    { "E4 two in one string", AUD("x https://api/"), NOT_AUD },
    { "E3 empty", AUD(""), NOT_AUD },
    { "E3 array of empty strings", AUD("|"), NOT_AUD },
    { "E3 empty and the right one", AUD("|https://api/"), .want = A0_OK },
    { "no audience configured: closed", .rules.audiences = "", NOT_AUD },
    { "no audience on either side: closed", AUD(""),
      .rules.audiences = "", NOT_AUD },
    { "E23 ID token: aud is the client", AUD("app1"), NOT_AUD },

    { "E22 cnf", .token.flags = A0_CLAIMS_CNF,
      .want = A0_ERR_SENDER_CONSTRAINED },
    { "E18 malformed org_id", .token.flags = A0_CLAIMS_BAD_ORG_ID,
      .want = A0_ERR_INVALID_ORGANIZATION },
    { "E18 malformed org_id where one is demanded", ONE_ORG,
      .token.flags = A0_CLAIMS_BAD_ORG_ID,
      .want = A0_ERR_INVALID_ORGANIZATION },

    { "E25 complete", .rules.at_jwt = 1, .token.flags = PROFILE,
      .want = A0_OK },
    { "E25 no sub", .rules.at_jwt = 1,
      .token.flags = (PROFILE) & ~A0_CLAIMS_SUB,
      .want = A0_ERR_INVALID_CLAIM },
    { "E25 no client_id", .rules.at_jwt = 1,
      .token.flags = (PROFILE) & ~A0_CLAIMS_CLIENT_ID,
      .want = A0_ERR_INVALID_CLAIM },
    { "E25 no iat", .rules.at_jwt = 1,
      .token.flags = (PROFILE) & ~A0_CLAIMS_IAT,
      .want = A0_ERR_INVALID_CLAIM },
    { "E25 no jti", .rules.at_jwt = 1,
      .token.flags = (PROFILE) & ~A0_CLAIMS_JTI,
      .want = A0_ERR_INVALID_CLAIM },
    { "E14 no sub outside of the profile", .token.flags = 0,
      .want = A0_OK },

    { "E17 no organization, none demanded", .want = A0_OK },
    { "E17 no organization, any demanded", .rules.org = A0_ORG_ANY,
      NO_ORG },
    { "any organization", .rules.org = A0_ORG_ANY,
      .token.org_id = "org_x", .want = A0_OK },
    { "a listed organization", ONE_ORG, .token.org_id = "org_b",
      .want = A0_OK },
    { "an organization not listed", ONE_ORG, .token.org_id = "org_c",
      NO_ORG },
    { "organization: case", ONE_ORG, .token.org_id = "org_B", NO_ORG },
    { "organization: prefix", ONE_ORG, .token.org_id = "org_", NO_ORG },
    { "organization: suffix", ONE_ORG, .token.org_id = "org_ab", NO_ORG },
    { "no organization, a list demanded", ONE_ORG, NO_ORG },
    { "an empty list of organizations: closed", .rules.org = A0_ORG_LIST,
      .token.org_id = "org_a", NO_ORG },
    { "an organization, rule off", .token.org_id = "org_x",
      .want = A0_OK },

    { "a listed client", .rules.clients = "app0|app1", .want = A0_OK },
    { "a client not listed", .rules.clients = "app0|app10", NO_APP },
    { "client: case", .rules.clients = "APP1", NO_APP },
    { "no client in the token", .rules.clients = "app1",
      .token.client_id = "", NO_APP },
    { "no client in the token, rule off", .token.client_id = "",
      .want = A0_OK },

    { "A14 one", SCOPE("read:a", "read:a"), .want = A0_OK },
    { "A14 any order", SCOPE("a b c", "c a b"), .want = A0_OK },
    { "A14 extra spaces", SCOPE("a b", "  a   b  "), .want = A0_OK },
    { "A14 longer", SCOPE("read:a", "read:ab"), NO_SCOPE },
    { "A14 prefixed", SCOPE("read:a", "xread:a"), NO_SCOPE },
    { "A14 shorter", SCOPE("read:a", "read:"), NO_SCOPE },
    { "A14 case", SCOPE("read:a", "Read:a"), NO_SCOPE },
    { "A14 longer ones around it", SCOPE("b", "bb b bbb"),
      .want = A0_OK },
    { "A14 a tab is no separator", SCOPE("a", "a\tb"), NO_SCOPE },
    { "A13 one of two missing", SCOPE("a b", "a"), NO_SCOPE },
    { "E15 no scope", SCOPE("a", ""), NO_SCOPE },
    { "scope: spaces only", SCOPE("a", "   "), NO_SCOPE },
    { "scope any: the last", SCOPE("any x y a", "a"), .want = A0_OK },
    { "scope any: none", SCOPE("any x y z", "a"), NO_SCOPE },
    { "scope any: no scope", SCOPE("any x y", ""), NO_SCOPE },
    { "scope groups: both", SCOPE("a b;any x y", "b y a"),
      .want = A0_OK },
    { "scope groups: first only", SCOPE("a b;any x y", "a b"), NO_SCOPE },
    { "scope groups: second only", SCOPE("a b;any x y", "x y"),
      NO_SCOPE },
    { "scope not demanded", .token.scope = "z", .want = A0_OK },
    { "E16 permission instead of scope", .rules.scopes = "a",
      .token.permissions = "a", NO_SCOPE },

    { "permission", PERM("read:a", "read:a"), .want = A0_OK },
    { "permission: one of several", PERM("b c", "a|b|c"),
      .want = A0_OK },
    { "permission: missing", PERM("b d", "a|b|c"), NO_PERM },
    { "permission: any", PERM("any x c", "a|b|c"), .want = A0_OK },
    { "permission: any, none", PERM("any x y", "a|b|c"), NO_PERM },
    { "permission: whole names", PERM("read:a", "read:ab|xread:a"),
      NO_PERM },
    { "permission: a name with a blank is one name", PERM("a", "a b"),
      NO_PERM },
    { "permission: none in the token", PERM("a", ""), NO_PERM },
    { "permission: not from scope", .rules.permissions = "a",
      .token.scope = "a", NO_PERM },

    { "order: expired before audience", .token.exp = 1, AUD("x"),
      EXPIRED },
    { "order: early before audience", .token.nbf = NOW + 9, AUD("x"),
      EARLY },
    { "order: audience before cnf", AUD("x"),
      .token.flags = A0_CLAIMS_CNF, NOT_AUD },
    { "order: cnf before org_id",
      .token.flags = A0_CLAIMS_CNF | A0_CLAIMS_BAD_ORG_ID,
      .want = A0_ERR_SENDER_CONSTRAINED },
    { "order: org_id before the profile", .rules.at_jwt = 1,
      .token.flags = A0_CLAIMS_BAD_ORG_ID,
      .want = A0_ERR_INVALID_ORGANIZATION },
    { "order: the profile before organizations", .rules.at_jwt = 1,
      ONE_ORG, .want = A0_ERR_INVALID_CLAIM },
    { "order: organization before client", ONE_ORG,
      .rules.clients = "x", NO_ORG },
    { "order: client before scope", .rules.clients = "x",
      .rules.scopes = "a", NO_APP },
    { "order: scope before permission", .rules.scopes = "a",
      .rules.permissions = "a", NO_SCOPE },
};


#define NCHECKS  (sizeof(checks) / sizeof(checks[0]))


static void
check_one(size_t i)
{
    int64_t       now;
    built_t       b;
    a0_claims_t  *claims;

    build(&b, &checks[i].rules);
    claims = claims_of(&checks[i].token);
    now = checks[i].now ? checks[i].now : NOW;
    CHECK_EQ_INT(a0_policy_check(&b.policy, claims, now), checks[i].want);
    free(claims);
}


static void
test_check(void)
{
    size_t  i, j;

    for (i = 0; i < NCHECKS; i++) {
        unit_case("check: %s", checks[i].name);
        check_one(i);
    }

    unit_case("check: no verdict depends on the one before");

    for (i = 0; i < NCHECKS; i++) {
        for (j = 0; j < NCHECKS; j++) {
            check_one(i);
            check_one(j);
        }
    }
}


int
main(void)
{
    test_select();
    test_check();

    return unit_done();
}
