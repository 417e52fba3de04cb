package Auth0M2M::Tenant::Demo;

# The contents of seed => 'demo'.

use v5.36;

use constant DEMO => {
    org             => 'org_demoAcme00000001',
    user            => 'auth0|alice',
    newcomer        => 'auth0|newcomer',
    audience        => 'https://api.acme.example/',
    client_id       => 'demoManagement000000000000000001',
    client_secret   => 'demoManagementSecret-0123456789abcdefghijklmnopqrst'
        . 'uvwxyz-ABCDEF',
    spa             => 'demoPortalSpa0000000000000000001',
    customer_id     => 'demoCustomer00000000000000000001',
    customer_secret => 'demoCustomerSecret-0123456789abcdefghijklmnopqrstuv'
        . 'wxyz-ABCDEFGH',
};

# Commands of Admin.
our @STEPS = (
    [ add_org => { id => DEMO->{org}, name => 'acme',
        display_name => 'Acme Inc.' } ],
    [ add_user => { user_id => DEMO->{user}, email => 'alice@acme.example',
        email_verified => 1, orgs => [ DEMO->{org} ],
        app_metadata => { customerId => 'cus_demoAcme' } } ],
    [ add_user => { user_id => DEMO->{newcomer}, email => 'new@acme.example',
        email_verified => 1 } ],
    [ add_api => { identifier => DEMO->{audience},
        scopes => [qw(read:orders write:orders)] } ],
    [ add_management_client => { name => 'gateway',
        client_id => DEMO->{client_id},
        client_secret => DEMO->{client_secret} } ],
    [ add_client => { name => 'portal', client_id => DEMO->{spa},
        app_type => 'spa', token_endpoint_auth_method => 'none' } ],
    [ add_credential => { name => 'customer', org => DEMO->{org},
        client_id => DEMO->{customer_id},
        client_secret => DEMO->{customer_secret} } ],
);

1;
