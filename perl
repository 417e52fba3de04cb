ok
ok
ok
ok
ok
ok
