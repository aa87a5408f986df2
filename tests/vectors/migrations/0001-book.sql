BEGIN TRANSACTION;
CREATE TABLE account (
	book_id TEXT NOT NULL, 
	account_id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	personal INTEGER NOT NULL, 
	opened_n INTEGER NOT NULL, 
	line INTEGER NOT NULL, 
	commitment BLOB NOT NULL, 
	PRIMARY KEY (book_id, account_id), 
	CONSTRAINT account_asset FOREIGN KEY(book_id, asset) REFERENCES asset (book_id, asset), 
	CONSTRAINT account_identity UNIQUE (book_id, code, owner, asset), 
	CONSTRAINT account_opened UNIQUE (book_id, opened_n, line)
)
 STRICT

;
INSERT INTO "account" VALUES('main',1,'550100','','EUR',0,1,1,X'140FB434E35B5102439054D2619E0D1E28C3CC67913A7ECF43E52A39F4B4B651');
INSERT INTO "account" VALUES('main',2,'489100','c17','EUR',1,1,2,X'E303CFCFEE64C0DE7CB3575904FC9FA77F71F363B552CEAF63EE26DE052CE72E');
INSERT INTO "account" VALUES('main',3,'489100','c18','EUR',1,1,3,X'49DC5A6B4E59F168F75336D1A61F2369C62886E44D50D9760EBCBD216AE6BC5E');
INSERT INTO "account" VALUES('main',4,'020000','c17','LOAN-1',1,5,2,X'442CC1AB777E5CA3766FA59B12C0F585165F8E680EC2810F2473E5232C5FE2F0');
INSERT INTO "account" VALUES('main',5,'021000','e4','LOAN-1',1,5,3,X'E62AFEBCB74AA37FAAA78F7226D74F14D879E1ECA94D8E8BF9758FF52479DFDB');
CREATE TABLE account_rule (
	book_id TEXT NOT NULL, 
	account_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	minimum INTEGER, 
	maximum INTEGER, 
	from_n INTEGER NOT NULL, 
	PRIMARY KEY (book_id, account_id, version), 
	CONSTRAINT account_rule_account FOREIGN KEY(book_id, account_id) REFERENCES account (book_id, account_id)
)
 STRICT

;
INSERT INTO "account_rule" VALUES('main',1,1,0,NULL,1);
INSERT INTO "account_rule" VALUES('main',2,1,NULL,0,1);
INSERT INTO "account_rule" VALUES('main',3,1,NULL,0,1);
INSERT INTO "account_rule" VALUES('main',4,1,0,NULL,5);
INSERT INTO "account_rule" VALUES('main',5,1,NULL,0,5);
CREATE TABLE alembic_version (
	version_num TEXT NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE approval_given (
	book_id TEXT NOT NULL, 
	approval_id TEXT NOT NULL, 
	approver TEXT NOT NULL, 
	given_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, approval_id), 
	CONSTRAINT approval_given_request FOREIGN KEY(book_id, approval_id) REFERENCES approval_request (book_id, approval_id)
)
 STRICT

;
INSERT INTO "approval_given" VALUES('main','aescuptw2b','s2',1772449560000000);
CREATE TABLE approval_request (
	book_id TEXT NOT NULL, 
	approval_id TEXT NOT NULL, 
	action TEXT NOT NULL, 
	body TEXT NOT NULL, 
	body_hash BLOB NOT NULL, 
	reason TEXT NOT NULL, 
	requested_by TEXT NOT NULL, 
	requested_at INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, approval_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
INSERT INTO "approval_request" VALUES('main','aescuptw2b','act','{"a":1}',X'590E72781EAEAE19A0ED06E2EACC8EC840F4E4BE7FC68E22D6DE202D7FAFF649','because','s1',1772449380000000,1773054180000000);
CREATE TABLE asset (
	book_id TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	scale INTEGER NOT NULL, 
	opened_n INTEGER NOT NULL, 
	line INTEGER, 
	commitment BLOB, 
	PRIMARY KEY (book_id, asset), 
	CONSTRAINT asset_scale CHECK (scale BETWEEN 0 AND 9), 
	FOREIGN KEY(book_id) REFERENCES book (book_id), 
	CONSTRAINT asset_opened UNIQUE (book_id, opened_n, line)
)
 STRICT

;
INSERT INTO "asset" VALUES('main','EUR',2,0,NULL,NULL);
INSERT INTO "asset" VALUES('main','LOAN-1',2,5,1,X'9C346B8E0A32FD27CAD901936E7B9BB5933CFF4525A05D2D0F3DE3FFC1E85332');
CREATE TABLE balance (
	book_id TEXT NOT NULL, 
	account_id INTEGER NOT NULL, 
	posted INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	minimum INTEGER, 
	maximum INTEGER, 
	last_commitment BLOB, 
	PRIMARY KEY (book_id, account_id), 
	CONSTRAINT balance_maximum CHECK (maximum IS NULL OR posted <= maximum), 
	CONSTRAINT balance_minimum CHECK (minimum IS NULL OR posted >= minimum), 
	CONSTRAINT balance_account FOREIGN KEY(book_id, account_id) REFERENCES account (book_id, account_id)
)
 STRICT

;
INSERT INTO "balance" VALUES('main',1,45,5,0,NULL,X'657C370ED547B27C5B57B994F7B796D76B082FF090EC181AC246922A7E13240A');
INSERT INTO "balance" VALUES('main',2,-45,3,NULL,0,X'D98B672713EBEA036A1CF52F4275ADFF3BAAC2EB9024E0C8B4AF1DA3B2967439');
INSERT INTO "balance" VALUES('main',3,0,2,NULL,0,X'CB2BF976E3F6B080DB60DCB39C8931023D41D411EBA1D71700AD2A28C477015B');
INSERT INTO "balance" VALUES('main',4,60,1,0,NULL,X'C89A72E8B0CEE6A9A0D7BB3B9CD68AC67A01287E74A5A79CC582B47081CE2D5B');
INSERT INTO "balance" VALUES('main',5,-60,1,NULL,0,X'1E4F30EA2192CF3DDA043BCB2282548D3C07D7C3B599C463005AFD0B637F1FB3');
CREATE TABLE block (
	book_id TEXT NOT NULL, 
	block INTEGER NOT NULL, 
	first_n INTEGER NOT NULL, 
	last_n INTEGER NOT NULL, 
	entries INTEGER NOT NULL, 
	postings INTEGER NOT NULL, 
	root BLOB NOT NULL, 
	prev_hash BLOB NOT NULL, 
	hash BLOB NOT NULL, 
	sealed_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, block), 
	FOREIGN KEY(book_id) REFERENCES book (book_id), 
	CONSTRAINT block_last_n UNIQUE (book_id, last_n)
)
 STRICT

;
INSERT INTO "block" VALUES('main',0,0,0,1,0,X'ADA7E8F283D6F5EE305280F304686E411CDB0A4B4B5C3AAD95E96F4BA7E330FD',X'0000000000000000000000000000000000000000000000000000000000000000',X'FDF00D512F8EF7F2CED91D38B3CC9DF9F2A53C2E5FB6B551ECDEA5A29D73AF46',1772449200000000);
INSERT INTO "block" VALUES('main',1,1,3,3,4,X'70384EE21274EA9F80989F33D44FA626F06EC05760DDE49A5C7EF82BE6D31163',X'FDF00D512F8EF7F2CED91D38B3CC9DF9F2A53C2E5FB6B551ECDEA5A29D73AF46',X'A9E795A111CC4D547E3FE9ED47896E1E4ECDDFC2849FB000551ABA3F5CA68BC3',1772449200000000);
INSERT INTO "block" VALUES('main',2,4,4,1,2,X'C390E39CC9028C4C973167E70313158D2667590FA8765AE5AE9EAC187E76BFA8',X'A9E795A111CC4D547E3FE9ED47896E1E4ECDDFC2849FB000551ABA3F5CA68BC3',X'B96B9E1700FD724818B00BF0D140C685E2BDA676DB3FE7D08BE73B95BD6D927E',1772449380000000);
INSERT INTO "block" VALUES('main',3,5,6,2,4,X'68B32A01104673F8DA9478C02B1F74BBCACD62F6B5CFD1E819ACA19A4BC808E3',X'B96B9E1700FD724818B00BF0D140C685E2BDA676DB3FE7D08BE73B95BD6D927E',X'2CA5A614B5C68767FFFD4E7349A23C0CCAC021621278514F8E76B1B45F31A546',1772449380000000);
INSERT INTO "block" VALUES('main',4,7,7,1,2,X'14D08972A9C9A271E14D0A0901F9D79CBDB2626EF17D0187E2FEC86E871F8D89',X'2CA5A614B5C68767FFFD4E7349A23C0CCAC021621278514F8E76B1B45F31A546',X'972A0C39F7E9E9830B3056E678C9BCE23292F55512372014A1854BDC61B05DDF',1772449560000000);
CREATE TABLE book (
	book_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	policy_hash BLOB NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id)
)
 STRICT

;
INSERT INTO "book" VALUES('main','Test book','log.example/main',X'F404B06E30177BF4652DCBBADD605FBD5210368C2CB4036B757C2E9331401F55',1772449200000000);
CREATE TABLE business_date (
	book_id TEXT NOT NULL, 
	current_on TEXT NOT NULL, 
	PRIMARY KEY (book_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
CREATE TABLE checkpoint (
	book_id TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	root BLOB NOT NULL, 
	note TEXT NOT NULL, 
	at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, size), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
CREATE TABLE date_move (
	book_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	started_on TEXT NOT NULL, 
	target_on TEXT NOT NULL, 
	requested_by TEXT NOT NULL, 
	requested_at INTEGER NOT NULL, 
	finished_at INTEGER, 
	PRIMARY KEY (book_id, seq)
)
 STRICT

;
CREATE TABLE dated_job (
	book_id TEXT NOT NULL, 
	on_date TEXT NOT NULL, 
	job TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	done_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, on_date, job)
)
 STRICT

;
CREATE TABLE document (
	book_id TEXT NOT NULL, 
	document_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	language TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	reference TEXT NOT NULL, 
	sha256 BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	supersedes TEXT, 
	stored_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, document_id), 
	FOREIGN KEY(book_id, supersedes) REFERENCES document (book_id, document_id), 
	CONSTRAINT document_superseded_once UNIQUE (book_id, supersedes)
)
 STRICT

;
CREATE TABLE entry (
	book_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	block INTEGER NOT NULL, 
	type TEXT NOT NULL, 
	effective_on TEXT, 
	booked_at INTEGER NOT NULL, 
	purpose TEXT, 
	fact_key TEXT, 
	body_hash BLOB, 
	evidence BLOB, 
	reverses INTEGER, 
	actor TEXT NOT NULL, 
	approvals TEXT, 
	lines INTEGER NOT NULL, 
	header_commitment BLOB, 
	bytes BLOB NOT NULL, 
	leaf BLOB NOT NULL, 
	PRIMARY KEY (book_id, n), 
	CONSTRAINT entry_posting_complete CHECK (type <> 'posting/1' OR (lines >= 3 AND fact_key IS NOT NULL AND body_hash IS NOT NULL AND effective_on IS NOT NULL AND purpose IS NOT NULL AND header_commitment IS NOT NULL)), 
	CONSTRAINT entry_sealed FOREIGN KEY(book_id, block) REFERENCES block (book_id, block) DEFERRABLE INITIALLY DEFERRED, 
	CONSTRAINT entry_fact_key UNIQUE (book_id, fact_key), 
	CONSTRAINT entry_reverses_once UNIQUE (book_id, reverses)
)
 STRICT

;
INSERT INTO "entry" VALUES('main',0,0,'genesis/1',NULL,1772449200000000,NULL,NULL,NULL,NULL,NULL,'system',NULL,0,NULL,X'7B226E223A302C22706F6C696379223A2239415377626A4158652F526C4C63753633574266765649514E6F777374414E72645877756B7A46414831553D222C2274223A2267656E657369732F31222C227473223A22323032362D30332D30325431313A30303A30305A227D',X'ADA7E8F283D6F5EE305280F304686E411CDB0A4B4B5C3AAD95E96F4BA7E330FD');
INSERT INTO "entry" VALUES('main',1,1,'accounts/1',NULL,1772449200000000,NULL,NULL,NULL,NULL,NULL,'system',NULL,4,X'120FBA2E4B3CC06CB12C25120467B0F89191855725CD2974615BE08209CD77B6',X'7B226C223A7B226E223A342C22726F6F74223A22304D5A33774C7A64473457792F58685378636B525078792F4D7166696578796E58713664625A2F355364773D227D2C226E223A312C2274223A226163636F756E74732F31222C227473223A22323032362D30332D30325431313A30303A30305A227D',X'DAAAA2C97F822F8D1D6CB258BCC58260AE749D411A82E2AC1CB3E0F47C983A30');
INSERT INTO "entry" VALUES('main',2,1,'posting/1','2026-03-02',1772449200000000,'test','k1',X'C29C3B7C49DC74BA928934A4C54017B4F4FB24FEDDC4A9C1502DFEF1067E3993',NULL,NULL,'system',NULL,3,X'F1EB384443DFF311EA9C766E6C7AD3AF9FC4B9E1FA57188B65AF5941293A346D',X'7B226C223A7B226E223A332C22726F6F74223A2270426C5044305443474A6B7A484C4F7038374B4D50716F324C6D7A41776252346E554467646A6C53344E343D227D2C226E223A322C2274223A22706F7374696E672F31222C227473223A22323032362D30332D30325431313A30303A30305A227D',X'E5A1EAEAD3DB46183AAE0ABF8CA4899499C841BFEFA5B17202D07167F367642B');
INSERT INTO "entry" VALUES('main',3,1,'posting/1','2026-01-15',1772449200000000,'test','k2',X'EB7E4D0B492FF39E129560DCF9D80D46050D166BCB81C2EF38B7C5CF9F03FBDA',NULL,NULL,'system',NULL,3,X'59223291E6842CBBF70887084771137591688EADCF53350606736AF87A77C7B3',X'7B226C223A7B226E223A332C22726F6F74223A2250494F57617034776437593830476B7373667057625236564859772F48514C476539534E5876774C70524D3D227D2C226E223A332C2274223A22706F7374696E672F31222C227473223A22323032362D30332D30325431313A30303A30305A227D',X'F078AE4B5813A6334BF540399A422FFDEE6B034B4C56E83E8A15CFCCD9D644E4');
INSERT INTO "entry" VALUES('main',4,2,'posting/1','2026-03-02',1772449380000000,'test','k3',X'184EA92984EEA001DD17BB1C1A8FED4767A320557F8AF9F65D9E0F20FE99F0BC',NULL,3,'system',NULL,3,X'8F314D722254F481C30461931F16484654FA4A114A562BC73832B444ED97751F',X'7B226C223A7B226E223A332C22726F6F74223A22576E4950514739665930385638496C6E4F576A4E76724D645461746B51454D75545875316B483955754A303D227D2C226E223A342C2274223A22706F7374696E672F31222C227473223A22323032362D30332D30325431313A30333A30305A227D',X'C390E39CC9028C4C973167E70313158D2667590FA8765AE5AE9EAC187E76BFA8');
INSERT INTO "entry" VALUES('main',5,3,'accounts/1',NULL,1772449380000000,NULL,NULL,NULL,NULL,NULL,'system',NULL,4,X'54B4A4C0334580C111B6331261699134F8E7C18507302ED1F33A8835170E8D29',X'7B226C223A7B226E223A342C22726F6F74223A227476326F5A796353454C7877516A434E49447A6D5A7A554E734C4451566A766958657458727263634976413D227D2C226E223A352C2274223A226163636F756E74732F31222C227473223A22323032362D30332D30325431313A30333A30305A227D',X'00D0574ACCA6E4E83A980206837A4BCE502BB4D0FC5979B543BB468D4645B6F7');
INSERT INTO "entry" VALUES('main',6,3,'posting/1','2026-03-02',1772449380000000,'loan-issued','k4',X'9FEA514A9EC8CF4723CFC17F612291251941866E23846E53028909ACFF475941',X'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB',NULL,'system',NULL,5,X'D51932D9489774D6C9756277A060F4905F16ABFEBC84F287D396C87F44A874B5',X'7B226C223A7B226E223A352C22726F6F74223A22434C454D70365630315274346A386E3355305242766536576D58456F4E524878474B34534C4A47345966593D227D2C226E223A362C2274223A22706F7374696E672F31222C227473223A22323032362D30332D30325431313A30333A30305A227D',X'9A1430323F9A40B5F5171E3AF551B26E004F57B8A7F10D2BAAFB7CC807D39212');
INSERT INTO "entry" VALUES('main',7,4,'posting/1','2026-03-02',1772449560000000,'test','k5',X'2A15F1102BDCC24487707677C7A3A6A75CAF36EF99340F1B39F724AF28558488',NULL,NULL,'system','["aescuptw2b"]',3,X'B34E88327C74A9FD67C8319D2F88C132ACEFA9AEBE3192B4B282F7ECEE51CDD2',X'7B226C223A7B226E223A332C22726F6F74223A226B6773724E716C6B5361694930446B643462356D766C4969344738336A4E36777230676D475670376567413D227D2C226E223A372C2274223A22706F7374696E672F31222C227473223A22323032362D30332D30325431313A30363A30305A227D',X'14D08972A9C9A271E14D0A0901F9D79CBDB2626EF17D0187E2FEC86E871F8D89');
CREATE TABLE head (
	book_id TEXT NOT NULL, 
	next_n INTEGER NOT NULL, 
	next_block INTEGER NOT NULL, 
	next_account INTEGER NOT NULL, 
	last_hash BLOB NOT NULL, 
	last_booked_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
INSERT INTO "head" VALUES('main',8,5,6,X'972A0C39F7E9E9830B3056E678C9BCE23292F55512372014A1854BDC61B05DDF',1772449560000000);
CREATE TABLE instalment (
	book_id TEXT NOT NULL, 
	loan_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	instalment_id TEXT NOT NULL, 
	due_on TEXT NOT NULL, 
	days INTEGER NOT NULL, 
	interest_cents INTEGER NOT NULL, 
	principal_cents INTEGER NOT NULL, 
	outstanding_cents INTEGER NOT NULL, 
	PRIMARY KEY (book_id, loan_id, n), 
	CONSTRAINT instalment_amounts CHECK (interest_cents >= 0 AND principal_cents >= 0), 
	CONSTRAINT instalment_loan FOREIGN KEY(book_id, loan_id) REFERENCES loan (book_id, loan_id), 
	CONSTRAINT instalment_identity UNIQUE (book_id, instalment_id)
)
 STRICT

;
CREATE TABLE loan (
	book_id TEXT NOT NULL, 
	loan_id TEXT NOT NULL, 
	offer_id TEXT NOT NULL, 
	borrower TEXT NOT NULL, 
	principal_cents INTEGER NOT NULL, 
	agreed_on TEXT NOT NULL, 
	PRIMARY KEY (book_id, loan_id), 
	CONSTRAINT loan_offer FOREIGN KEY(book_id, offer_id) REFERENCES offer (book_id, offer_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id), 
	CONSTRAINT loan_offer_once UNIQUE (book_id, offer_id)
)
 STRICT

;
CREATE TABLE loan_claim (
	book_id TEXT NOT NULL, 
	loan_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	pledge_id TEXT NOT NULL, 
	lender TEXT NOT NULL, 
	principal_cents INTEGER NOT NULL, 
	PRIMARY KEY (book_id, loan_id, number), 
	CONSTRAINT loan_claim_principal CHECK (principal_cents > 0), 
	CONSTRAINT loan_claim_loan FOREIGN KEY(book_id, loan_id) REFERENCES loan (book_id, loan_id), 
	CONSTRAINT loan_claim_pledge_once UNIQUE (book_id, pledge_id)
)
 STRICT

;
CREATE TABLE login_link (
	book_id TEXT NOT NULL, 
	token_hash TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	language TEXT NOT NULL, 
	expires_at INTEGER NOT NULL, 
	used_at INTEGER, 
	PRIMARY KEY (book_id, token_hash)
)
 STRICT

;
CREATE TABLE login_request (
	book_id TEXT NOT NULL, 
	address_hash TEXT NOT NULL, 
	requested_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, address_hash, requested_at)
)
 STRICT

;
CREATE TABLE mail (
	book_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	template TEXT NOT NULL, 
	language TEXT NOT NULL, 
	body BLOB NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	written_at INTEGER NOT NULL, 
	next_attempt_at INTEGER NOT NULL, 
	sent_at INTEGER, 
	PRIMARY KEY (book_id, "key")
)
 STRICT

;
CREATE TABLE move (
	book_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	machine TEXT NOT NULL, 
	from_state TEXT NOT NULL, 
	to_state TEXT NOT NULL, 
	event TEXT NOT NULL, 
	effective_on TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	evidence TEXT, 
	fact_key TEXT, 
	facts TEXT NOT NULL, 
	moved_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, object_id, sequence), 
	CONSTRAINT move_sequence CHECK (sequence >= 1), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
CREATE TABLE offer (
	book_id TEXT NOT NULL, 
	offer_id TEXT NOT NULL, 
	borrower TEXT NOT NULL, 
	drafted_on TEXT NOT NULL, 
	PRIMARY KEY (book_id, offer_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
CREATE TABLE offer_count (
	book_id TEXT NOT NULL, 
	offer_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	pledge_id TEXT NOT NULL, 
	committed_change INTEGER NOT NULL, 
	received_change INTEGER NOT NULL, 
	in_reflection_change INTEGER NOT NULL, 
	PRIMARY KEY (book_id, offer_id, sequence), 
	CONSTRAINT offer_count_offer FOREIGN KEY(book_id, offer_id) REFERENCES offer (book_id, offer_id)
)
 STRICT

;
CREATE TABLE offer_version (
	book_id TEXT NOT NULL, 
	offer_id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	body_hash TEXT NOT NULL, 
	rules TEXT NOT NULL, 
	PRIMARY KEY (book_id, offer_id, version), 
	CONSTRAINT offer_version_offer FOREIGN KEY(book_id, offer_id) REFERENCES offer (book_id, offer_id)
)
 STRICT

;
CREATE TABLE outbox (
	book_id TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	at INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (book_id, topic, "key"), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
INSERT INTO "outbox" VALUES('main','topic','key','{"a":1}',1772449380000000,0);
CREATE TABLE outbox_delivery (
	book_id TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at INTEGER NOT NULL, 
	last_error TEXT, 
	delivered_at INTEGER, 
	PRIMARY KEY (book_id, topic, "key"), 
	CONSTRAINT outbox_delivery_state CHECK (state IN ('waiting', 'delivered', 'given-up')), 
	CONSTRAINT outbox_delivery_row FOREIGN KEY(book_id, topic, "key") REFERENCES outbox (book_id, topic, "key")
)
 STRICT

;
INSERT INTO "outbox_delivery" VALUES('main','topic','key','waiting',0,1772449380000000,NULL,NULL);
CREATE TABLE party (
	book_id TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	registered_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, party_id)
)
 STRICT

;
CREATE TABLE party_attribute (
	book_id TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	about TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	valid_from TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, party_id, name, about, seq), 
	FOREIGN KEY(book_id, party_id) REFERENCES party (book_id, party_id)
)
 STRICT

;
CREATE TABLE party_iban (
	book_id TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	valid_from TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, party_id, seq), 
	FOREIGN KEY(book_id, party_id) REFERENCES party (book_id, party_id)
)
 STRICT

;
CREATE TABLE party_iban_check (
	book_id TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	evidence TEXT NOT NULL, 
	verified_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, party_id, seq), 
	FOREIGN KEY(book_id, party_id, seq) REFERENCES party_iban (book_id, party_id, seq)
)
 STRICT

;
CREATE TABLE party_identity (
	book_id TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	PRIMARY KEY (book_id, party_id, seq), 
	FOREIGN KEY(book_id, party_id) REFERENCES party (book_id, party_id)
)
 STRICT

;
CREATE TABLE party_lookup (
	book_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	party_id TEXT NOT NULL, 
	PRIMARY KEY (book_id, kind, digest), 
	FOREIGN KEY(book_id, party_id) REFERENCES party (book_id, party_id)
)
 STRICT

;
CREATE TABLE payment (
	book_id TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	reference TEXT NOT NULL, 
	payer TEXT NOT NULL, 
	amount_cents INTEGER NOT NULL, 
	credit TEXT NOT NULL, 
	state TEXT NOT NULL, 
	requested_at INTEGER NOT NULL, 
	requested_on TEXT NOT NULL, 
	provider_id TEXT, 
	checkout_url TEXT, 
	paid_on TEXT, 
	PRIMARY KEY (book_id, payment_id), 
	CONSTRAINT payment_provider_id UNIQUE (book_id, provider_id)
)
 STRICT

;
CREATE TABLE payment_case (
	book_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	code TEXT NOT NULL, 
	payment_id TEXT, 
	facts TEXT NOT NULL, 
	opened_at INTEGER NOT NULL, 
	closed_at INTEGER, 
	closed_by TEXT, 
	closing_reason TEXT, 
	PRIMARY KEY (book_id, subject, code)
)
 STRICT

;
CREATE TABLE payment_evidence (
	book_id TEXT NOT NULL, 
	fact_key TEXT NOT NULL, 
	body BLOB NOT NULL, 
	sha256 TEXT NOT NULL, 
	kept_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, fact_key)
)
 STRICT

;
CREATE TABLE payment_inbox (
	book_id TEXT NOT NULL, 
	provider_id TEXT NOT NULL, 
	seen INTEGER NOT NULL, 
	dirty INTEGER NOT NULL, 
	listed INTEGER NOT NULL, 
	misses INTEGER NOT NULL, 
	first_seen_at INTEGER NOT NULL, 
	last_seen_at INTEGER NOT NULL, 
	next_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, provider_id)
)
 STRICT

;
CREATE TABLE payment_move (
	book_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	machine TEXT NOT NULL, 
	from_state TEXT, 
	to_state TEXT NOT NULL, 
	event TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	moved_at INTEGER NOT NULL, 
	fact_key TEXT, 
	PRIMARY KEY (book_id, object_id, sequence)
)
 STRICT

;
CREATE TABLE payment_terms (
	book_id TEXT NOT NULL, 
	public_url TEXT NOT NULL, 
	webhook_url TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	PRIMARY KEY (book_id)
)
 STRICT

;
CREATE TABLE pledge (
	book_id TEXT NOT NULL, 
	pledge_id TEXT NOT NULL, 
	offer_id TEXT NOT NULL, 
	lender TEXT NOT NULL, 
	amount_cents INTEGER NOT NULL, 
	pledged_on TEXT NOT NULL, 
	reflection_ends_on TEXT NOT NULL, 
	payable_until TEXT NOT NULL, 
	language TEXT NOT NULL, 
	risk_acknowledged_on TEXT NOT NULL, 
	PRIMARY KEY (book_id, pledge_id), 
	CONSTRAINT pledge_amount CHECK (amount_cents > 0), 
	CONSTRAINT pledge_offer FOREIGN KEY(book_id, offer_id) REFERENCES offer (book_id, offer_id), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
CREATE TABLE posting (
	book_id TEXT NOT NULL, 
	account_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	line INTEGER NOT NULL, 
	debit INTEGER NOT NULL, 
	credit INTEGER NOT NULL, 
	balance_after INTEGER NOT NULL, 
	effective_on TEXT NOT NULL, 
	commitment BLOB NOT NULL, 
	PRIMARY KEY (book_id, account_id, seq), 
	CONSTRAINT posting_one_side CHECK ((debit = 0 AND credit BETWEEN 1 AND 9007199254740991) OR (credit = 0 AND debit BETWEEN 1 AND 9007199254740991)), 
	CONSTRAINT posting_counts CHECK (seq >= 1 AND line >= 1), 
	CONSTRAINT posting_account FOREIGN KEY(book_id, account_id) REFERENCES account (book_id, account_id)
)
 STRICT

;
INSERT INTO "posting" VALUES('main',1,1,2,1,100,0,100,'2026-03-02',X'5CD17BF51748B16164AAD0BFA8934A019425897915DCC00109E9E2AF99F594B2');
INSERT INTO "posting" VALUES('main',2,1,2,2,0,100,-100,'2026-03-02',X'00F5492FF03395727DC1D3EDB78E30D6257FD10EB45B271F324BE1207B1C3FF9');
INSERT INTO "posting" VALUES('main',1,2,3,1,50,0,150,'2026-01-15',X'B88DCB63C15B84C3F699B18D0BEE15EF68859E19FC601DFDA449A4B86EDF4E3E');
INSERT INTO "posting" VALUES('main',3,1,3,2,0,50,-50,'2026-01-15',X'22434C37810DC13A714583BBE413EA6389B8035AE62E52299EFB32AE0B300754');
INSERT INTO "posting" VALUES('main',1,3,4,1,0,50,100,'2026-03-02',X'74F74079949BD6F58E82BEBF02C57E6E56DCCA952747EC230C1C4FA0B6E37396');
INSERT INTO "posting" VALUES('main',3,2,4,2,50,0,0,'2026-03-02',X'CB2BF976E3F6B080DB60DCB39C8931023D41D411EBA1D71700AD2A28C477015B');
INSERT INTO "posting" VALUES('main',2,2,6,1,60,0,-40,'2026-03-02',X'D2CD58F016E4A26E353916542A66E095F7DF7D5F3E90E654956FC899DFC186B1');
INSERT INTO "posting" VALUES('main',1,4,6,2,0,60,40,'2026-03-02',X'CC7D50BB7D0D51A2D74DE9BCA91015BF9B16A49399B30756F6147C197B8BB6BD');
INSERT INTO "posting" VALUES('main',4,1,6,3,60,0,60,'2026-03-02',X'C89A72E8B0CEE6A9A0D7BB3B9CD68AC67A01287E74A5A79CC582B47081CE2D5B');
INSERT INTO "posting" VALUES('main',5,1,6,4,0,60,-60,'2026-03-02',X'1E4F30EA2192CF3DDA043BCB2282548D3C07D7C3B599C463005AFD0B637F1FB3');
INSERT INTO "posting" VALUES('main',1,5,7,1,5,0,45,'2026-03-02',X'657C370ED547B27C5B57B994F7B796D76B082FF090EC181AC246922A7E13240A');
INSERT INTO "posting" VALUES('main',2,3,7,2,0,5,-45,'2026-03-02',X'D98B672713EBEA036A1CF52F4275ADFF3BAAC2EB9024E0C8B4AF1DA3B2967439');
CREATE TABLE provider_call (
	book_id TEXT NOT NULL, 
	call_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	body BLOB NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	first_sent_at INTEGER, 
	next_at INTEGER, 
	outcome TEXT, 
	PRIMARY KEY (book_id, call_id)
)
 STRICT

;
CREATE TABLE refund (
	book_id TEXT NOT NULL, 
	refund_id TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	reference TEXT NOT NULL, 
	amount_cents INTEGER NOT NULL, 
	debit TEXT NOT NULL, 
	state TEXT NOT NULL, 
	requested_at INTEGER NOT NULL, 
	requested_on TEXT NOT NULL, 
	provider_id TEXT, 
	sent_on TEXT, 
	PRIMARY KEY (book_id, refund_id), 
	CONSTRAINT refund_provider_id UNIQUE (book_id, provider_id)
)
 STRICT

;
CREATE TABLE request (
	book_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	body_hash BLOB NOT NULL, 
	outcome TEXT NOT NULL, 
	at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, "key"), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
INSERT INTO "request" VALUES('main','r1','s1',X'0000000000000000000000000000000000000000000000000000000000000000','{"body":{"n":5},"status":201}',1772449380000000);
INSERT INTO "request" VALUES('main','r2','s2',X'0101010101010101010101010101010101010101010101010101010101010101','{"facts":{"é":"ü"},"refused":"floor-broken"}',1772449560000000);
CREATE TABLE session (
	book_id TEXT NOT NULL, 
	token_hash TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	language TEXT NOT NULL, 
	opened_at INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	closed_at INTEGER, 
	PRIMARY KEY (book_id, token_hash)
)
 STRICT

;
CREATE TABLE subject_key (
	book_id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	wrapped BLOB NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (book_id, owner), 
	FOREIGN KEY(book_id) REFERENCES book (book_id)
)
 STRICT

;
INSERT INTO "subject_key" VALUES('main','',X'5440B907F1FE2476620E4ED472EEDB87ED8B8C6C2FA2C188EB824415A4BF282002E7D9EB327FB071772B2372098F8BCA10D43DDD29BD07BE9DE96E6E',1772449200000000);
INSERT INTO "subject_key" VALUES('main','c17',X'E493A8EEEE391DFB1ADF756D295442AFD8FEF0527278B8F8C933909E18B8EA16CEA66CACCE392456BFE63F19A08F9591AF5DCCD2614D7724B22DDB7F',1772449200000000);
INSERT INTO "subject_key" VALUES('main','c18',X'BF34E7764F961741DA6DEBC85224B3B7CFBA0A1A0CCEB30E2645EBEFAFB1127392D5D4EEAE3D06637D7BE3433C2397245B164EB218644A24FE08DE59',1772449200000000);
INSERT INTO "subject_key" VALUES('main','e4',X'0D71E94B6D1C9B9BAF90FBBCB0930612E2F5026D47C92816ADBB17CD60D05C967820D6D514D1C27056104B9FB2509EC901F57CAF7F3466AEAC12EFD2',1772449380000000);
CREATE TABLE transfer_gate (
	book_id TEXT NOT NULL, 
	passed INTEGER NOT NULL, 
	PRIMARY KEY (book_id)
)
 STRICT

;
CREATE TABLE transfer_order (
	book_id TEXT NOT NULL, 
	order_id TEXT NOT NULL, 
	reference TEXT NOT NULL, 
	payee TEXT NOT NULL, 
	amount_cents INTEGER NOT NULL, 
	iban_last4 TEXT, 
	debit TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	approval_id TEXT NOT NULL, 
	ordered_on TEXT NOT NULL, 
	booked_on TEXT, 
	statement_reference TEXT, 
	PRIMARY KEY (book_id, order_id), 
	CONSTRAINT transfer_order_reference UNIQUE (book_id, reference)
)
 STRICT

;
CREATE INDEX document_by_subject ON document (book_id, subject, stored_at);
CREATE INDEX payment_reference ON payment (book_id, reference);
CREATE INDEX payment_state ON payment (book_id, state);
CREATE INDEX payment_inbox_due ON payment_inbox (book_id, dirty, next_at);
CREATE INDEX provider_call_due ON provider_call (book_id, next_at);
CREATE INDEX refund_payment ON refund (book_id, payment_id);
CREATE INDEX refund_reference ON refund (book_id, reference);
CREATE INDEX refund_state ON refund (book_id, state);
CREATE INDEX transfer_order_state ON transfer_order (book_id, state);
CREATE INDEX move_machine ON move (book_id, machine, object_id, sequence);
CREATE INDEX offer_borrower ON offer (book_id, borrower);
CREATE INDEX entry_block ON entry (book_id, block);
CREATE INDEX loan_borrower ON loan (book_id, borrower);
CREATE INDEX outbox_delivery_due ON outbox_delivery (book_id, state, next_at);
CREATE INDEX pledge_by_lender ON pledge (book_id, lender, pledged_on);
CREATE INDEX pledge_by_offer ON pledge (book_id, offer_id, pledged_on, pledge_id);
CREATE INDEX instalment_due ON instalment (book_id, due_on);
CREATE INDEX loan_claim_by_lender ON loan_claim (book_id, lender);
CREATE INDEX posting_effective ON posting (book_id, account_id, effective_on, seq);
CREATE UNIQUE INDEX posting_line ON posting (book_id, n, line);
CREATE TRIGGER account_final_update BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END;
CREATE TRIGGER account_final_delete BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END;
CREATE TRIGGER account_rule_final_update BEFORE UPDATE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END;
CREATE TRIGGER account_rule_final_delete BEFORE DELETE ON account_rule BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END;
CREATE TRIGGER approval_given_final_update BEFORE UPDATE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END;
CREATE TRIGGER approval_given_final_delete BEFORE DELETE ON approval_given BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END;
CREATE TRIGGER approval_request_final_update BEFORE UPDATE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END;
CREATE TRIGGER approval_request_final_delete BEFORE DELETE ON approval_request BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END;
CREATE TRIGGER asset_final_update BEFORE UPDATE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END;
CREATE TRIGGER asset_final_delete BEFORE DELETE ON asset BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END;
CREATE TRIGGER block_final_update BEFORE UPDATE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END;
CREATE TRIGGER block_final_delete BEFORE DELETE ON block BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END;
CREATE TRIGGER book_final_update BEFORE UPDATE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END;
CREATE TRIGGER book_final_delete BEFORE DELETE ON book BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END;
CREATE TRIGGER document_final_update BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END;
CREATE TRIGGER document_final_delete BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'seal: document rows are final'); END;
CREATE TRIGGER entry_final_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END;
CREATE TRIGGER entry_final_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END;
CREATE TRIGGER instalment_final_update BEFORE UPDATE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END;
CREATE TRIGGER instalment_final_delete BEFORE DELETE ON instalment BEGIN SELECT RAISE(ABORT, 'seal: instalment rows are final'); END;
CREATE TRIGGER loan_final_update BEFORE UPDATE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END;
CREATE TRIGGER loan_final_delete BEFORE DELETE ON loan BEGIN SELECT RAISE(ABORT, 'seal: loan rows are final'); END;
CREATE TRIGGER loan_claim_final_update BEFORE UPDATE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END;
CREATE TRIGGER loan_claim_final_delete BEFORE DELETE ON loan_claim BEGIN SELECT RAISE(ABORT, 'seal: loan_claim rows are final'); END;
CREATE TRIGGER move_final_update BEFORE UPDATE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END;
CREATE TRIGGER move_final_delete BEFORE DELETE ON move BEGIN SELECT RAISE(ABORT, 'seal: move rows are final'); END;
CREATE TRIGGER offer_final_update BEFORE UPDATE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END;
CREATE TRIGGER offer_final_delete BEFORE DELETE ON offer BEGIN SELECT RAISE(ABORT, 'seal: offer rows are final'); END;
CREATE TRIGGER offer_count_final_update BEFORE UPDATE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END;
CREATE TRIGGER offer_count_final_delete BEFORE DELETE ON offer_count BEGIN SELECT RAISE(ABORT, 'seal: offer_count rows are final'); END;
CREATE TRIGGER offer_version_final_update BEFORE UPDATE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END;
CREATE TRIGGER offer_version_final_delete BEFORE DELETE ON offer_version BEGIN SELECT RAISE(ABORT, 'seal: offer_version rows are final'); END;
CREATE TRIGGER outbox_final_update BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END;
CREATE TRIGGER outbox_final_delete BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'seal: outbox rows are final'); END;
CREATE TRIGGER party_final_update BEFORE UPDATE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END;
CREATE TRIGGER party_final_delete BEFORE DELETE ON party BEGIN SELECT RAISE(ABORT, 'seal: party rows are final'); END;
CREATE TRIGGER party_attribute_final_update BEFORE UPDATE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END;
CREATE TRIGGER party_attribute_final_delete BEFORE DELETE ON party_attribute BEGIN SELECT RAISE(ABORT, 'seal: party_attribute rows are final'); END;
CREATE TRIGGER party_iban_final_update BEFORE UPDATE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END;
CREATE TRIGGER party_iban_final_delete BEFORE DELETE ON party_iban BEGIN SELECT RAISE(ABORT, 'seal: party_iban rows are final'); END;
CREATE TRIGGER party_iban_check_final_update BEFORE UPDATE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END;
CREATE TRIGGER party_iban_check_final_delete BEFORE DELETE ON party_iban_check BEGIN SELECT RAISE(ABORT, 'seal: party_iban_check rows are final'); END;
CREATE TRIGGER party_identity_final_update BEFORE UPDATE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END;
CREATE TRIGGER party_identity_final_delete BEFORE DELETE ON party_identity BEGIN SELECT RAISE(ABORT, 'seal: party_identity rows are final'); END;
CREATE TRIGGER payment_evidence_final_update BEFORE UPDATE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END;
CREATE TRIGGER payment_evidence_final_delete BEFORE DELETE ON payment_evidence BEGIN SELECT RAISE(ABORT, 'seal: payment_evidence rows are final'); END;
CREATE TRIGGER payment_move_final_update BEFORE UPDATE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END;
CREATE TRIGGER payment_move_final_delete BEFORE DELETE ON payment_move BEGIN SELECT RAISE(ABORT, 'seal: payment_move rows are final'); END;
CREATE TRIGGER pledge_final_update BEFORE UPDATE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END;
CREATE TRIGGER pledge_final_delete BEFORE DELETE ON pledge BEGIN SELECT RAISE(ABORT, 'seal: pledge rows are final'); END;
CREATE TRIGGER posting_final_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END;
CREATE TRIGGER posting_final_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END;
CREATE TRIGGER request_final_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END;
CREATE TRIGGER request_final_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'seal: request rows are final'); END;
CREATE TRIGGER balance_kept BEFORE DELETE ON balance BEGIN SELECT RAISE(ABORT, 'seal: balance rows are kept'); END;
CREATE TRIGGER head_kept BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'seal: head rows are kept'); END;
CREATE TRIGGER head_forward BEFORE UPDATE ON head WHEN NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id BEGIN SELECT RAISE(ABORT, 'seal: head moves forward only'); END;
CREATE TRIGGER head_sealed BEFORE UPDATE ON head WHEN (NEW.next_block - 1, NEW.next_n - 1, NEW.last_hash, NEW.last_booked_at) IS NOT (SELECT block, last_n, hash, sealed_at FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1) OR NEW.next_account <> coalesce((SELECT max(account_id) FROM account WHERE book_id = NEW.book_id), 0) + 1 BEGIN SELECT RAISE(ABORT, 'seal: head is at the last block'); END;
CREATE TRIGGER balance_forward BEFORE UPDATE ON balance WHEN NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.minimum IS NOT OLD.minimum OR NEW.maximum IS NOT OLD.maximum BEGIN SELECT RAISE(ABORT, 'seal: balance moves forward only'); END;
CREATE TRIGGER balance_posted BEFORE UPDATE ON balance WHEN (NEW.posted, NEW.last_commitment) IS NOT (SELECT balance_after, commitment FROM posting WHERE book_id = NEW.book_id AND account_id = NEW.account_id AND seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: balance differs from its posting'); END;
CREATE TRIGGER account_new_0 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END;
CREATE TRIGGER account_new_1 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.code = NEW.code AND t.owner = NEW.owner AND t.asset = NEW.asset) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END;
CREATE TRIGGER account_new_2 BEFORE INSERT ON account WHEN EXISTS (SELECT 1 FROM account t WHERE t.book_id = NEW.book_id AND t.opened_n = NEW.opened_n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: account rows are final'); END;
CREATE TRIGGER account_rule_new_0 BEFORE INSERT ON account_rule WHEN EXISTS (SELECT 1 FROM account_rule t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.version = NEW.version) BEGIN SELECT RAISE(ABORT, 'seal: account_rule rows are final'); END;
CREATE TRIGGER approval_given_new_0 BEFORE INSERT ON approval_given WHEN EXISTS (SELECT 1 FROM approval_given t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_given rows are final'); END;
CREATE TRIGGER approval_request_new_0 BEFORE INSERT ON approval_request WHEN EXISTS (SELECT 1 FROM approval_request t WHERE t.book_id = NEW.book_id AND t.approval_id = NEW.approval_id) BEGIN SELECT RAISE(ABORT, 'seal: approval_request rows are final'); END;
CREATE TRIGGER asset_new_0 BEFORE INSERT ON asset WHEN EXISTS (SELECT 1 FROM asset t WHERE t.book_id = NEW.book_id AND t.asset = NEW.asset) BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END;
CREATE TRIGGER asset_new_1 BEFORE INSERT ON asset WHEN EXISTS (SELECT 1 FROM asset t WHERE t.book_id = NEW.book_id AND t.opened_n = NEW.opened_n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: asset rows are final'); END;
CREATE TRIGGER block_new_0 BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM block t WHERE t.book_id = NEW.book_id AND t.block = NEW.block) BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END;
CREATE TRIGGER block_new_1 BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM block t WHERE t.book_id = NEW.book_id AND t.last_n = NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: block rows are final'); END;
CREATE TRIGGER book_new_0 BEFORE INSERT ON book WHEN EXISTS (SELECT 1 FROM book t WHERE t.book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: book rows are final'); END;
CREATE TRIGGER entry_new_0 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.n = NEW.n) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END;
CREATE TRIGGER entry_new_1 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.fact_key = NEW.fact_key) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END;
CREATE TRIGGER entry_new_2 BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry t WHERE t.book_id = NEW.book_id AND t.reverses = NEW.reverses) BEGIN SELECT RAISE(ABORT, 'seal: entry rows are final'); END;
CREATE TRIGGER posting_new_0 BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting t WHERE t.book_id = NEW.book_id AND t.account_id = NEW.account_id AND t.seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END;
CREATE TRIGGER posting_new_1 BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting t WHERE t.book_id = NEW.book_id AND t.n = NEW.n AND t.line = NEW.line) BEGIN SELECT RAISE(ABORT, 'seal: posting rows are final'); END;
CREATE TRIGGER entry_next BEFORE INSERT ON entry WHEN NEW.block <> coalesce((SELECT max(block) FROM block WHERE book_id = NEW.book_id), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: entry belongs to the next block'); END;
CREATE TRIGGER entry_open BEFORE INSERT ON entry WHEN NEW.n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END;
CREATE TRIGGER posting_open BEFORE INSERT ON posting WHEN NEW.n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END;
CREATE TRIGGER posting_entered BEFORE INSERT ON posting WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END;
CREATE TRIGGER account_open BEFORE INSERT ON account WHEN NEW.opened_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END;
CREATE TRIGGER account_entered BEFORE INSERT ON account WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.opened_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END;
CREATE TRIGGER asset_open BEFORE INSERT ON asset WHEN NEW.opened_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END;
CREATE TRIGGER asset_entered BEFORE INSERT ON asset WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.opened_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END;
CREATE TRIGGER account_rule_open BEFORE INSERT ON account_rule WHEN NEW.from_n <= (SELECT max(last_n) FROM block WHERE book_id = NEW.book_id) BEGIN SELECT RAISE(ABORT, 'seal: sealed already'); END;
CREATE TRIGGER account_rule_entered BEFORE INSERT ON account_rule WHEN NOT EXISTS (SELECT 1 FROM entry WHERE book_id = NEW.book_id AND n = NEW.from_n) BEGIN SELECT RAISE(ABORT, 'seal: no such entry'); END;
CREATE TRIGGER block_seal_number BEFORE INSERT ON block WHEN NEW.block <> coalesce((SELECT block FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: block out of order'); END;
CREATE TRIGGER block_seal_first BEFORE INSERT ON block WHEN NEW.first_n <> coalesce((SELECT last_n FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), -1) + 1 BEGIN SELECT RAISE(ABORT, 'seal: a gap before the block'); END;
CREATE TRIGGER block_seal_prev BEFORE INSERT ON block WHEN NEW.prev_hash <> coalesce((SELECT hash FROM block WHERE book_id = NEW.book_id ORDER BY block DESC LIMIT 1), zeroblob(32)) BEGIN SELECT RAISE(ABORT, 'seal: not after that block'); END;
CREATE TRIGGER block_seal_entries BEFORE INSERT ON block WHEN (NEW.entries, NEW.last_n, 1) IS NOT (SELECT count(*), coalesce(max(n), NEW.first_n - 1), coalesce(min(block = NEW.block), 1) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n) OR NEW.entries <> NEW.last_n - NEW.first_n + 1 BEGIN SELECT RAISE(ABORT, 'seal: entries do not agree'); END;
CREATE TRIGGER block_seal_postings BEFORE INSERT ON block WHEN NEW.postings <> (SELECT count(*) FROM posting INDEXED BY posting_line WHERE book_id = NEW.book_id AND n BETWEEN NEW.first_n AND NEW.last_n) OR NEW.postings <> (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND type = 'posting/1') BEGIN SELECT RAISE(ABORT, 'seal: postings do not agree'); END;
CREATE TRIGGER block_seal_opened BEFORE INSERT ON block WHEN (SELECT coalesce(sum(lines - 1), 0) FROM entry WHERE book_id = NEW.book_id AND n >= NEW.first_n AND type = 'accounts/1') <> (SELECT count(*) FROM account WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) + (SELECT count(line) FROM asset WHERE book_id = NEW.book_id AND opened_n BETWEEN NEW.first_n AND NEW.last_n) BEGIN SELECT RAISE(ABORT, 'seal: accounts do not agree'); END;
CREATE TRIGGER block_seal_balanced BEFORE INSERT ON block WHEN EXISTS (SELECT 1 FROM posting p INDEXED BY posting_line CROSS JOIN account a ON a.book_id = p.book_id AND a.account_id = p.account_id WHERE p.book_id = NEW.book_id AND p.n BETWEEN NEW.first_n AND NEW.last_n GROUP BY p.n, a.asset HAVING sum(p.debit) <> sum(p.credit)) BEGIN SELECT RAISE(ABORT, 'seal: an entry does not balance'); END;
COMMIT;
